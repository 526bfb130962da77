"""What the service needs of the settings to monitor a driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_fer.appliance.config import credentials
from edge_fer.appliance.driver.speed import FileSpeed, MqttSpeed

if TYPE_CHECKING:
    from edge_fer.appliance.config import Config
    from edge_fer.appliance.driver.speed import Speed, Tells
    from edge_fer.clock import Clock


def driver_part(config: Config) -> tuple[Any, ...]:
    """Return all of *config* that the monitor depends on."""
    driving = config.driving
    speed = None if driving is None else driving.speed
    return driving, None if speed is None else speed.broker(config.mqtt)


def opened_speed(config: Config, tells: Tells, clock: Clock) -> Speed | None:
    """Return the source of the speed that *config* names; None if it names none."""
    driving = config.driving
    if driving is None:
        return None
    if driving.speed_file is not None:
        return FileSpeed(driving.speed_file, tells, clock)
    if driving.speed is None:
        return None
    broker = driving.speed.broker(config.mqtt)

    def secret() -> str | None:
        # Read each time: one that is missing or wrong may be mended.
        return None if broker.password is None else credentials.read(broker.password)

    return MqttSpeed(broker, driving.speed.topic, driving.speed.key, secret, tells, clock)
