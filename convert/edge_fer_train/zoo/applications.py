"""Networks of ``keras.applications``, one line each, with pooled features, dropout and a softmax as their head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_fer.errors import BadInput
from edge_fer_train.zoo.head import classifier

if TYPE_CHECKING:
    import keras

    from edge_fer_train.zoo.axes import DataFormat


@dataclass(frozen=True)
class Application:
    """A class of ``keras.applications``, and how it is used here."""

    class_name: str
    size_px: int
    """Side of the face when none is given."""
    width_option: str | None = None
    """Keras' name of the option that multiplies its filters, where recipes set it."""


# Parameter counts are those before the head, of three channels.
APPLICATIONS: Final = {
    # Howard et al., 2017, as in Smelyakov et al., COLINS 2022, section 6: 3,228,864 parameters.
    "mobilenet": Application("MobileNet", 96),
    # Sandler et al., CVPR 2018: 2,257,984 parameters. With one channel and the head, 2,266,375.
    "mobilenet_v2": Application("MobileNetV2", 96, width_option="alpha"),
    # He et al., CVPR 2016, as in Istiqomah et al., JAIC 2024, section II.E: 23,587,712 parameters, as Smelyakov et al.
    # give them in section 6.
    "resnet50": Application("ResNet50", 48),
    # Simonyan and Zisserman, ICLR 2015; a baseline of Abdulkadir et al., JOIG 2025, Tables I and II, who do not
    # describe its head: 20,024,384 parameters.
    "vgg19": Application("VGG19", 48),
}
"""By the name of the model that is built."""


def build(
    size: int | None = None,
    channels: int = 1,
    classes: int = 7,
    *,
    application: str,
    dropout: float = 0.3,
    width: float | None = None,
    data_format: DataFormat = "channels_last",
) -> keras.Model:
    """Build *application*, a key of `APPLICATIONS`, without its top: averaged features, dropout, softmax.

    Input is ``(batch, size, size, channels)`` float32; output is ``(batch, classes)`` probabilities. *width* multiplies
    the filters of each layer. Raises `BadInput` for a width where the network has one only.
    """
    import keras

    chosen = APPLICATIONS[application]
    options: dict[str, Any] = {}
    if width is not None:
        if chosen.width_option is None:
            raise BadInput(f"{application} has no width; leave the option out")
        options[chosen.width_option] = width
    network = getattr(keras.applications, chosen.class_name)
    size = chosen.size_px if size is None else size
    return classifier(network, application, size, channels, classes, dropout, data_format, **options)
