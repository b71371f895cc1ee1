"""What the gateway hears is what its durables are given."""

from pathlib import Path

import yaml

from gateway.subscribers import subscriptions

TOPOLOGY = Path(__file__).parents[3] / "deploy" / "nats" / "services" / "gateway.yaml"


def test_the_gateway_hears_what_its_durables_are_given() -> None:
    described = yaml.safe_load(TOPOLOGY.read_text(encoding="utf-8"))

    assert {one["durable"]: one["types"] for one in described["hears"]} == {
        one.durable: [event.type for event in one.types] for one in subscriptions
    }
    assert described["announces"] == ["partner"]
