"""Rules that several tools have, each under its own name."""

from __future__ import annotations

# hadolint's rule -> Trivy's for the same problem on the same instruction of a Dockerfile.
DOCKERFILE_RULES = {
    "DL3000": "DS-0009",  # WORKDIR is not absolute
    "DL3002": "DS-0002",  # the last USER is root
    "DL3003": "DS-0013",  # RUN cd
    "DL3004": "DS-0010",  # sudo
    "DL3006": "DS-0001",  # no tag
    "DL3007": "DS-0001",  # latest
    "DL3011": "DS-0008",  # port out of range
    "DL3014": "DS-0021",  # apt-get without -y
    "DL3015": "DS-0029",  # apt-get without --no-install-recommends
    "DL3019": "DS-0025",  # apk without --no-cache
    "DL3020": "DS-0005",  # ADD instead of COPY
    "DL3021": "DS-0011",  # COPY of several files to no directory
    "DL4000": "DS-0022",  # MAINTAINER
    "DL4003": "DS-0016",  # several CMD
    "DL4004": "DS-0007",  # several ENTRYPOINT
}

# Bandit's rules for passwords in code; where Trivy names the secret on that line, it is one finding.
PASSWORD_RULES = frozenset({"B105", "B106", "B107"})


def canonical(rule: str) -> str:
    """Return the name that a rule has in fingerprints, whichever tool reported it."""
    return DOCKERFILE_RULES.get(rule, rule)
