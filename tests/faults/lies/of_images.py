"""The codes whose lie is also told of images: it needs an engine and a registry, and so is a test of tests/docker."""

from __future__ import annotations

from dataclasses import dataclass

DOCKER = "tests/docker"
FAULTS, SCANS = f"{DOCKER}/test_image_faults.py", f"{DOCKER}/test_scan_image.py"
TAGS = f"{DOCKER}/test_moved_tags.py"
HONEST_BUILD = f"{DOCKER}/test_build_image.py::test_an_image_is_what_its_record_says"
HONEST_SCAN = f"{SCANS}::test_vulnerabilities_say_their_layer_and_whether_the_base_brings_them"


@dataclass(frozen=True)
class OfImage:
    """The lie of a code as it is told of an image: in words, its test, and the test of an honest image."""

    code: str
    lie: str
    test: str
    twin: str = "an image that is what its record says"
    twin_test: str = HONEST_BUILD


MOVED = f"{FAULTS}::test_b01_b04_another_image_under_the_tag_while_it_is_pushed"
HONESTLY = ("an image with packages, scanned as it is", HONEST_SCAN)
OF_IMAGES = (
    OfImage("B01", "somebody moves the tag to another image while it is pushed", MOVED),
    OfImage("B04", "somebody moves the tag to an image of another commit", MOVED),
    OfImage("B02", "a version tag is built again of another commit", f"{FAULTS}::test_b02_a_version_tag_never_moves"),
    OfImage(
        "B03",
        "arm64 is asked for, and the registry's index has none",
        f"{FAULTS}::test_b03_a_platform_that_the_registry_does_not_have",
    ),
    OfImage(
        "B06", "the image is years older than its build", f"{FAULTS}::test_b06_an_image_that_this_build_did_not_make"
    ),
    OfImage(
        "B07",
        "a key in the context, in a layer that deletes it, in history, label or variable",
        f"{FAULTS}::test_b07_a_secret_in_context_layers_history_or_configuration",
    ),
    OfImage("B08", "the base is named by a tag that moves", f"{FAULTS}::test_b08_a_base_that_a_tag_names"),
    OfImage("B09", "another tree was built than was tested", f"{FAULTS}::test_b09_another_tree_than_was_tested"),
    OfImage(
        "D01",
        "the image's provenance is gone, about another image or commit, or signed by somebody else",
        f"{DOCKER}/test_forged_images.py::test_d01_an_image_whose_provenance_does_not_hold_is_not_started",
        "an image with the provenance of its build",
        f"{DOCKER}/test_deploy_docker.py::test_releases_take_over_and_no_request_fails",
    ),
    OfImage(
        "D01",
        "a tag of the image was moved to another between push and deploy",
        f"{TAGS}::test_d01_a_tag_that_names_another_image_is_refused",
        "another run built the commit again, and its tag moved to that",
        f"{TAGS}::test_a_commit_that_was_built_again_moves_its_tag_honestly",
    ),
    OfImage("S01", "the vulnerability data is 30 days old", f"{SCANS}::test_s01_old_data_means_nothing", *HONESTLY),
    OfImage(
        "S02",
        "an image without a package counts as scanned",
        f"{SCANS}::test_s02_an_image_without_packages_was_not_looked_at",
        *HONESTLY,
    ),
    OfImage(
        "S04",
        "another image was scanned than is to be deployed",
        f"{SCANS}::test_s04_another_image_than_is_to_be_deployed",
        *HONESTLY,
    ),
)
