"""Every table of Sluice: import this where the whole schema is meant (migrations, documentation)."""

from sluice.store.tables.backups import Backup, Migration
from sluice.store.tables.base import Base
from sluice.store.tables.canaries import CanaryStep
from sluice.store.tables.deployments import Deployment, DeploymentStep, HealthCheck, Rollback, SmokeResult
from sluice.store.tables.environments import Environment, EnvironmentLock, ReleaseFence
from sluice.store.tables.evidence import AuditEvent, CheckWaiver, LineageEdge, QualityCheck, Quarantine
from sluice.store.tables.figures import Baseline, PerformanceMetric, PerformanceRun
from sluice.store.tables.images import Image, ImageLayer
from sluice.store.tables.logs import TestLog
from sluice.store.tables.releases import Artifact, Finding, Package, Release, ScannerRun
from sluice.store.tables.rescans import Rescan, RescanFinding
from sluice.store.tables.rollups import TestWeek
from sluice.store.tables.runs import PipelineRun, Project, StageArtifact, StageKey, StageRun, ToolUse
from sluice.store.tables.source import ChangedFile, Commit
from sluice.store.tables.testing import CoverageFile, SuiteOutput, Test, TestAttachment, TestExecution, TestResult
from sluice.store.tables.waiting import Approval, EnvironmentWaiter

__all__ = [
    "Approval",
    "Artifact",
    "AuditEvent",
    "Backup",
    "Base",
    "Baseline",
    "CanaryStep",
    "ChangedFile",
    "CheckWaiver",
    "Commit",
    "CoverageFile",
    "Deployment",
    "DeploymentStep",
    "Environment",
    "EnvironmentLock",
    "EnvironmentWaiter",
    "Finding",
    "HealthCheck",
    "Image",
    "ImageLayer",
    "LineageEdge",
    "Migration",
    "Package",
    "PerformanceMetric",
    "PerformanceRun",
    "PipelineRun",
    "Project",
    "QualityCheck",
    "Quarantine",
    "Release",
    "ReleaseFence",
    "Rescan",
    "RescanFinding",
    "Rollback",
    "ScannerRun",
    "SmokeResult",
    "StageArtifact",
    "StageKey",
    "StageRun",
    "SuiteOutput",
    "Test",
    "TestAttachment",
    "TestExecution",
    "TestLog",
    "TestResult",
    "TestWeek",
    "ToolUse",
]
