"""What checkout found: commits and the files that they changed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped

from sluice.store.tables.base import Base, Texts, UuidText, column, commit, count, one_of, written_at


class Commit(Base):
    """A commit of a project, as git has it."""

    __tablename__ = "commits"
    __table_args__ = (commit("sha"), commit("tree"), {"comment": "Commits that were checked out."})

    project_id: Mapped[int] = column("Project.", ForeignKey("projects.id"), primary_key=True)
    sha: Mapped[str] = column("Full hash.", primary_key=True)
    tree: Mapped[str] = column("Hash of its tree: equal trees hold equal files.")
    parents: Mapped[Texts] = column("Hashes of its parents, first parent first.")
    author_name: Mapped[str] = column("Author.")
    author_email: Mapped[str] = column("Author's address.")
    authored_at: Mapped[datetime] = column("When it was written, as the author's clock said.")
    committed_at: Mapped[datetime] = column("When it was committed, as the committer's clock said.")
    subject: Mapped[str] = column("First line of the message.")
    body: Mapped[str] = column("The rest of the message.")
    seen_at: Mapped[datetime] = written_at("When a run first checked it out.")


class ChangedFile(Base):
    """A file that differs from what the commit was compared with."""

    __tablename__ = "changed_files"
    __table_args__ = (
        one_of("change", "AMDRCTUXB"),
        *count("additions", "deletions"),
        {"comment": "Files that differ from the merge base, or on the default branch from the first parent."},
    )

    stage_run_id: Mapped[UuidText] = column(
        "Checkout.", ForeignKey("stage_runs.id", ondelete="CASCADE"), primary_key=True
    )
    path: Mapped[str] = column("Path in the repository.", primary_key=True)
    change: Mapped[str] = column("A, M, D, R, C or T as git prints it.")
    old_path: Mapped[str | None] = column("Where it was before a rename or copy.")
    additions: Mapped[int | None] = column("Lines added; empty for a binary file.")
    deletions: Mapped[int | None] = column("Lines removed; empty for a binary file.")
    lines: Mapped[str | None] = column("Lines that the change wrote, as in the new file; empty: not known.")
