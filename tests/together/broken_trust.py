"""Mistakes that the checks of trust must find."""

from tests.together.broken_feature import POWER, TWO_RACKS, in_network, without_network

BROKEN = (
    without_network(
        "strangers_are_heard", {"strangers are not heard": r"\d+ commands .+ were answered"}
    ),
    without_network(
        "revoked_links_stay",
        {
            "a revoked rack is cut off everywhere, and enrols again": (
                r"rack1 was cut off only after"
            )
        },
    ),
    without_network(
        "strangers_cost_much",
        {"2,000 half-open connections are felt by nobody": r"it takes \d+ MiB"},
    ),
    without_network(
        "connections_wait_for_their_peers",
        {
            "2,000 half-open connections are felt by nobody": (
                r"\d+ of 60 connections of whoever has no right are open"
            )
        },
    ),
    without_network(
        "links_end_with_their_authority",
        {"the authority is changed under load, and no link ends": r"\d links of racks ended"},
    ),
    without_network(
        "all_versions_are_taken",
        {
            "a rack one version behind is served, one of two is refused": (
                r"two versions behind is not refused"
            )
        },
    ),
    without_network(
        "any_certificate_is_a_region_s",
        {
            "a rack's certificate used as a region hears nothing": (
                r"\d+ bytes were told to a rack's certificate"
            )
        },
        TWO_RACKS,
    ),
    without_network(
        "lost_links_are_anybody_s",
        {
            "a rack's word about other racks is not believed": (
                r"\d+ links of other racks count no more"
            )
        },
    ),
    in_network(
        "orders_are_anybody_s",
        {
            "a rack's word about other racks' power orders is not believed": (
                r"\d+ phases of others' orders were recorded"
            )
        },
        POWER,
    ),
    without_network(
        "pins_are_not_checked",
        {
            "a relay in the middle of an enrolment hears nothing": (
                r"\d+ bytes were told to a rack's certificate"
            )
        },
        TWO_RACKS,
    ),
    without_network(
        "proofs_are_good_for_ever",
        {
            "a recorded enrolment that is sent again is refused": (
                r"what was recorded is taken again: .*'words again': 'enrolled'"
            )
        },
    ),
    without_network(
        "certificates_are_good_for_ever",
        {
            "a rack with an expired certificate is refused, told what to do, and comes back": (
                r"rack\d came in with a certificate that had expired"
            )
        },
    ),
    without_network(
        "new_keys_are_not_seen",
        {
            "the key that encrypts is changed under load, and no link ends": (
                r"the new key did not take over"
            )
        },
    ),
    in_network(
        "passwords_go_to_the_database",
        {
            "no secret crosses a wire: enrolment, DHCP plans, power orders": (
                r"the password of the BMCs stands in what is seen of region1"
            )
        },
        POWER,
    ),
    without_network(
        "keys_are_logged",
        {
            "no secret in arguments, environments, logs or a dump of the database": (
                r"the OMAPI key of rack\d stands in what is seen of the log of rack\d/rackd"
            )
        },
    ),
    without_network(
        "tokens_are_logged",
        {
            "no secret in arguments, environments, logs or a dump of the database": (
                r"the token stands in what is seen of the log of region1/\d"
            )
        },
    ),
    without_network(
        "secrets_are_kept_as_they_are",
        {
            "no secret in arguments, environments, logs or a dump of the database": (
                r"the enrolment secret .* stands in what is seen of a database dump"
            )
        },
    ),
    in_network(
        "passwords_are_in_the_environment",
        {
            "no secret in arguments, environments, logs or a dump of the database": (
                r"the password of the BMCs stands in what is seen of the environ of ipmitool"
            )
        },
        POWER,
    ),
)
