"""Errors of finished pictures, which a classifier may be trained on besides its distribution.

Cross-entropy asks for the right distribution at every place, whatever is read from it later. These
look at what comes out: the colors of :class:`~tinct.lab.networks.readout.ColorModel` under the true
lightness, as RGB.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own idiom
from torch import Tensor, nn

from tinct import color
from tinct.lab.networks.blocks import fuse
from tinct.lab.networks.classifier import Classifier
from tinct.lab.networks.efficientnet import INPUT_SCALE, INPUT_SHIFT, Encoder, published_weights
from tinct.lab.networks.lpips import VGG16, load_lpips
from tinct.lab.networks.readout import ColorModel
from tinct.lab.train.config import FeatureNetwork

LEAST_ERROR = 1e-4
"""Added to mean squared errors: 40 dB, where nobody sees a difference."""
NEAR_STAGES = 3
"""Stages of the encoder that pictures are compared in, down to 1/8 size."""
MIDDLING = 0.5
"""Vividness at which pictures are compared as the encoder sees them."""
_TINY = 1e-6


def lab_to_rgb(lightness: Tensor, ab: Tensor) -> Tensor:
    """Turn L* (N, 1, H, W) and ab (N, 2, H, W) into sRGB, (N, 3, H, W), clipped to 0..1.

    The twin of :func:`tinct.color.lab_to_rgb` for tensors, with gradients.
    """
    fy = (lightness + 16) / 116
    f = torch.cat([fy + ab[:, :1] / 500, fy, fy - ab[:, 1:] / 200], dim=1)
    tangent = 3 * color.DELTA**2 * (f - 4 / 29)
    relative = torch.where(f > color.DELTA, f**3, tangent)
    matrix = relative.new_tensor(color.LINEAR_RGB_FROM_RELATIVE)
    linear = torch.einsum("ck,nkhw->nchw", matrix, relative).clamp(0, 1)
    root = linear.clamp(min=color.SRGB_KNEE_LINEAR) ** (1 / color.SRGB_POWER)
    curved = (1 + color.SRGB_OFFSET) * root - color.SRGB_OFFSET
    straight = linear * color.SRGB_SLOPE
    return torch.where(linear > color.SRGB_KNEE_LINEAR, curved, straight).clamp(0, 1)


def true_planes(rgb: Tensor) -> Tensor:
    """Turn pictures (N, H, W, 3) of bytes into (N, 3, H, W) float32 in 0..1."""
    return rgb.permute(0, 3, 1, 2).float() / 255


def lightness_of(rgb: Tensor) -> Tensor:
    """Return L* (N, 1, H, W), 0..100, of sRGB pictures (N, 3, H, W) in 0..1."""
    curved = ((rgb + color.SRGB_OFFSET) / (1 + color.SRGB_OFFSET)) ** color.SRGB_POWER
    linear = torch.where(rgb > color.SRGB_KNEE_ENCODED, curved, rgb / color.SRGB_SLOPE)
    weights = rgb.new_tensor(color.RELATIVE_FROM_LINEAR_RGB[1]).reshape(1, 3, 1, 1)
    luminance = (linear * weights).sum(dim=1, keepdim=True)
    tangent = luminance / (3 * color.DELTA**2) + 4 / 29
    f = torch.where(luminance > color.DELTA**3, luminance.clamp(min=_TINY) ** (1 / 3), tangent)
    return 116 * f - 16


def paint(lightness: Tensor, ab: Tensor) -> Tensor:
    """Enlarge ab (N, 2, h, w) to the size of L* and return the picture, (N, 3, H, W) in 0..1."""
    return lab_to_rgb(lightness, F.interpolate(ab, lightness.shape[2:], mode="bilinear"))


def picture_error(pictures: Tensor, truth: Tensor) -> Tensor:
    """Return the mean logarithm of every picture's mean squared error: PSNR, upside down.

    The likelihood of a Gaussian whose variance is each picture's own: a picture that is nearly
    right counts as much as one that is far off, where the plain mean hears the loud ones alone.

    Args:
        pictures: (N, 3, H, W), 0..1.
        truth: The same of the true pictures.
    """
    return ((pictures - truth) ** 2).mean(dim=(1, 2, 3)).add(LEAST_ERROR).log().mean()


class FeatureError(nn.Module):
    """How differently two pictures look to a network that was trained to recognize things.

    Maps of the first stages of EfficientNet-Lite0 are brought to unit length at every place and
    compared (the perceptual loss of Zhang et al., CVPR 2018, on another network than their metric,
    which stays for measuring).
    """

    PART = 4
    """One of so many pictures is looked at: that costs as much as the network."""

    def __init__(self) -> None:
        """Load the published weights.

        Raises:
            MissingExtraError: The package with them is not installed.
        """
        super().__init__()
        self.encoder = Encoder(channels=3)
        self.encoder.load_published(*published_weights())
        del self.encoder.stages[NEAR_STAGES:]
        self.eval().requires_grad_(False)
        fuse(self.encoder)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def train(self, mode: bool = True) -> FeatureError:
        """Stay in evaluation mode whatever is asked for."""
        del mode
        return super().train(False)

    def maps(self, rgb: Tensor) -> list[Tensor]:
        """Return maps of unit length over channels, of pictures (N, 3, H, W) in 0..1."""
        x = (rgb * INPUT_SCALE - INPUT_SHIFT).contiguous(memory_format=torch.channels_last)
        found = self.encoder(x)
        return [F.normalize(one.float(), dim=1, eps=_TINY) for one in found]

    def forward(self, pictures: Tensor, truth: Tensor) -> Tensor:
        """Return the mean squared distance between the maps, summed over them; 0 if equal."""
        with torch.no_grad():
            wanted = self.maps(truth)
        pairs = zip(self.maps(pictures), wanted, strict=True)
        errors = [(one - other).square().sum(1).mean() for one, other in pairs]
        return torch.stack(errors).sum()


class LpipsError(nn.Module):
    """LPIPS on VGG-16, as many colorizers and super-resolvers are trained with.

    Results are measured with LPIPS on AlexNet, which no training sees.
    """

    PART = 8
    """One of so many pictures is looked at: that takes thirty times the multiplications."""

    def __init__(self) -> None:
        """Load the published weights.

        Raises:
            MissingExtraError: The package with them is not installed.
        """
        super().__init__()
        self.network = load_lpips(VGG16)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, pictures: Tensor, truth: Tensor) -> Tensor:
        """Return the mean distance of pictures (N, 3, H, W) in 0..1 from the true ones."""
        distances: Tensor = self.network(pictures, truth)
        return distances.mean()


class PictureObjective(nn.Module):
    """Errors of the pictures that a distribution over colors comes out as."""

    def __init__(
        self,
        network: Classifier,
        picture_weight: float,
        feature_weight: float,
        feature_network: FeatureNetwork = "efficientnet-lite0",
    ) -> None:
        """Read colors as the exported model does by default.

        Args:
            network: Whose bins and prior are set.
            picture_weight: Of :func:`picture_error`, at vividness 0.
            feature_weight: Of the distance of features, at vividness ``MIDDLING``.
            feature_network: Whose: :class:`FeatureError` or, for ``vgg16``, :class:`LpipsError`.

        Raises:
            MissingExtraError: The package with the weights of the features is not installed.
        """
        super().__init__()
        # In a list: weights are the network's own, here they are only read.
        self.model = [ColorModel(network)]
        self.picture_weight, self.feature_weight = picture_weight, feature_weight
        self.features: FeatureError | LpipsError | None = None
        if feature_weight:
            self.features = LpipsError() if feature_network == "vgg16" else FeatureError()

    def forward(self, logits: Tensor, rgb: Tensor) -> Tensor:
        """Return the weighted sum of the errors.

        Args:
            logits: (N, Q, H/4, W/4), in 32 bits.
            rgb: (N, H, W, 3) uint8, the true pictures.
        """
        with torch.autocast(logits.device.type, enabled=False):
            truth = true_planes(rgb)
            loss = logits.new_zeros(())
            if self.picture_weight:
                small = F.avg_pool2d(truth, 2)  # the colors have a quarter of the size at most
                pictures = paint(lightness_of(small), self._colors(logits, 0.0))
                loss = loss + self.picture_weight * picture_error(pictures, small)
            if self.features is None:
                return loss
            few = max(len(truth) // self.features.PART, 1)
            truth, logits = truth[:few], logits[:few]
            pictures = paint(lightness_of(truth), self._colors(logits, MIDDLING))
        added: Tensor = self.features(pictures, truth)
        return loss + self.feature_weight * added

    def _colors(self, logits: Tensor, vividness: float) -> Tensor:
        model = self.model[0].to(logits.device)
        ab: Tensor = model.decode(logits, logits.new_full((1,), vividness))[0]
        return ab
