"""What a run did, explained: one document (`document`), shown in a terminal, as HTML and as JSON."""
