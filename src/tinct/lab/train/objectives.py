"""What is minimized: cross-entropy over ab bins, or the paper's mean squared error."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own idiom
from torch import Tensor, nn

from tinct import bins
from tinct.errors import TrainingError
from tinct.lab.data.batches import WHOLE, Share
from tinct.lab.data.cache import Cache
from tinct.lab.networks.classifier import Classifier
from tinct.lab.networks.hints import HintedNetwork, sample
from tinct.lab.networks.nano import NanoRegression
from tinct.lab.networks.paper import AB_SCALE, PaperNetwork
from tinct.lab.networks.readout import ColorModel, DecodeConfig
from tinct.lab.train.begin import model_spec
from tinct.lab.train.config import TrainConfig
from tinct.lab.train.export import decoding_of
from tinct.lab.train.hints import draw_hints, draw_number, recolor
from tinct.lab.train.picture_loss import (
    PictureObjective,
    lab_to_rgb,
    lightness_of,
    picture_error,
    true_planes,
)

REGRESSION_SCALE = {"ab": 1 / AB_SCALE, "rgb": 2.0}
"""From the units of the output to those of the paper's loss, in which outputs span -1..1."""


class Loss(NamedTuple):
    """What a batch costs: scalars in 32 bits."""

    total: Tensor
    """What is minimized, with its graph."""
    plain: Tensor
    """What of it the test loss has too: all but errors of pictures. Without a graph."""


class Objective(nn.Module):
    """A loss, and the colors that a network trained with it predicts.

    A module around the network, for that is what moves to a device and is shared by processes.
    """

    def forward(
        self,
        lightness: Tensor,
        target: Tensor,
        generator: torch.Generator,
        rgb: Tensor | None = None,
        judge_pictures: bool = True,
        ask_teacher: bool = True,
    ) -> Loss:
        """Return the loss of a batch.

        Args:
            lightness: L* (N, 1, H, W), 0..100.
            target: (N, C, H/stride, W/stride), what the network should answer.
            generator: Of random numbers, on the processor, the same in all processes.
            rgb: (N, H, W, 3) uint8, the true pictures; without them errors of pictures are left
                out of the loss, as they are of the test loss.
            judge_pictures: Whether errors of pictures, if they have a weight, are in the loss.
            ask_teacher: Whether a teacher's share, if there is one, is in the loss.
        """
        raise NotImplementedError

    def colors(self, network: nn.Module, lightness: Tensor, target: Tensor) -> Tensor:
        """Return what ``network`` predicts, in the units of the target and at its size.

        Args:
            network: As it is at the moment.
            lightness: L* (N, 1, H, W), 0..100.
            target: The truth: only a network that is given hints has use for it.
        """
        raise NotImplementedError


class Classification(Objective):
    """Cross-entropy between the distribution over bins and the code of the true color.

    A teacher's distribution may take part of the true color's place (Hinton et al., Distilling the
    Knowledge in a Neural Network, 2015): it says what else the color might have been.
    """

    index: Tensor
    weight: Tensor
    teacher_code: Tensor

    def __init__(
        self,
        network: Classifier,
        positions: float,
        teacher: Classifier | None = None,
        teacher_share: float = 0.0,
        share: Share = WHOLE,
        pictures: PictureObjective | None = None,
    ) -> None:
        """Take the bins from the network.

        Args:
            network: To be trained.
            positions: Share of the places of the map that the loss looks at.
            teacher: In evaluation mode, with bins of its own.
            teacher_share: Share of the loss that is measured against the teacher.
            share: The part of each batch that this process sees.
            pictures: Errors of the finished pictures that are added.
        """
        super().__init__()
        self.network, self.positions, self.share = network, positions, share
        self.pictures = pictures
        self.teacher, self.teacher_share = teacher, teacher_share if teacher else 0.0
        code = bins.encode_bins(network.bin_centers.numpy())
        self._keep("index", torch.from_numpy(code.index).reshape(-1, 3))
        self._keep("weight", torch.from_numpy(code.weight).reshape(-1, 3))
        if teacher:  # each of its bins is a color, which has a code over ours
            cell = _cells(teacher.bin_centers)
            nothing = torch.zeros(teacher.num_bins, network.num_bins)
            code_of_bins = nothing.scatter_add(1, self.index[cell], self.weight[cell])
            self._keep("teacher_code", code_of_bins)

    def _keep(self, name: str, table: Tensor) -> None:
        """Have a table go along to the device, but not into checkpoints."""
        self.register_buffer(name, table, persistent=False)

    def forward(
        self,
        lightness: Tensor,
        target: Tensor,
        generator: torch.Generator,
        rgb: Tensor | None = None,
        judge_pictures: bool = True,
        ask_teacher: bool = True,
    ) -> Loss:
        """Return the mean cross-entropy at randomly chosen places, and errors of pictures if any.

        Head and loss are the dearest part of a step, and neighboring places say nearly the same.
        """
        # Drawn first: a GPU would wait for what comes from the processor in between.
        at = self._draw(len(target), target.shape[2] * target.shape[3], generator)
        at = at.to(target.device)
        features = self.network.features(lightness)
        scores = torch.log_softmax(_logits_at(self.network, features, at), dim=1)  # (N * K, Q)
        loss = self._cross_entropy(scores, target, at)
        if self.teacher is not None and ask_teacher:
            # What it says of the picture as it was is right for the worn one, too.
            clean = lightness if rgb is None else lightness_of(true_planes(rgb))
            taught = -(scores * self._teach(self.teacher, clean, at)).sum(1).mean()
            loss = (1 - self.teacher_share) * loss + self.teacher_share * taught
        plain = loss.detach()
        if self.pictures is None or rgb is None or not judge_pictures:
            return Loss(loss, plain)
        added: Tensor = self.pictures(self.network.head(features).float(), rgb)
        return Loss(loss + added, plain)

    def _cross_entropy(self, scores: Tensor, target: Tensor, at: Tensor) -> Tensor:
        """Return the mean cross-entropy at some places with the codes of the true colors."""
        ab = target.flatten(2).gather(2, at.expand(-1, 2, -1)).transpose(1, 2).reshape(-1, 2)
        cell = _cells(ab)
        loss: Tensor = -(scores.gather(1, self.index[cell]) * self.weight[cell]).sum(1).mean()
        return loss

    def _draw(self, count: int, places: int, generator: torch.Generator) -> Tensor:
        """Choose places for this process's share of the batch, (count, 1, K)."""
        total = count * self.share.count
        chosen = max(round(places * self.positions), 1)
        at = torch.randint(places, (total, 1, chosen), generator=generator)
        return at[self.share.rows(total)]

    @torch.no_grad()
    def _teach(self, teacher: Classifier, lightness: Tensor, at: Tensor) -> Tensor:
        """Return a teacher's distribution at some places, over our bins: (N * K, Q)."""
        logits = _logits_at(teacher, teacher.features(lightness), at)
        return torch.softmax(logits, dim=1) @ self.teacher_code

    def colors(self, network: nn.Module, lightness: Tensor, target: Tensor) -> Tensor:
        """Return the annealed mean at vividness 0, (N, 2, H/4, W/4)."""
        del target
        assert isinstance(network, Classifier)
        vividness = torch.zeros(1, device=lightness.device)
        ab: Tensor = ColorModel(network)(lightness, vividness)[0]
        return ab


def _cells(ab: Tensor) -> Tensor:
    """Number the cells of the table of codes that colors, (N, 2), lie in."""
    row, column = (ab.round().long() + bins.AB_LIMIT).clamp(0, 2 * bins.AB_LIMIT - 1).unbind(1)
    return row * 2 * bins.AB_LIMIT + column


def _logits_at(network: Classifier, features: Tensor, at: Tensor) -> Tensor:
    """Apply the head at some places of a map, (N, 1, K): logits (N * K, Q) in 32 bits."""
    channels = features.shape[1]
    chosen = features.flatten(2).gather(2, at.expand(-1, channels, -1))  # (N, C, K)
    rows = chosen.transpose(1, 2).reshape(-1, channels)  # (N * K, C)
    return F.linear(rows, network.head.weight.flatten(1), network.head.bias).float()


class Regression(Objective):
    """The paper's loss: mean squared error of what the network answers, scaled to -1..1."""

    def __init__(self, network: PaperNetwork | NanoRegression) -> None:
        """Regress whatever the network is made to answer."""
        super().__init__()
        self.network = network
        self.scale = REGRESSION_SCALE[network.target]

    def forward(
        self,
        lightness: Tensor,
        target: Tensor,
        generator: torch.Generator,
        rgb: Tensor | None = None,
        judge_pictures: bool = True,
        ask_teacher: bool = True,
    ) -> Loss:
        """Return the mean squared error over all places."""
        del generator, rgb, judge_pictures, ask_teacher
        answer = self.network.predict(lightness).float()
        loss = F.mse_loss(answer * self.scale, target * self.scale)
        return Loss(loss, loss.detach())

    def colors(self, network: nn.Module, lightness: Tensor, target: Tensor) -> Tensor:
        """Return what the network answers."""
        del target
        assert isinstance(network, PaperNetwork | NanoRegression)
        return network.predict(lightness)


class HintObjective(Objective):
    """Error of the pictures that hints leave, where the automatic colors were wrong."""

    CHECKED = 10
    """Hints in a picture when it is validated."""

    def __init__(self, network: HintedNetwork, decode: DecodeConfig, most: int) -> None:
        """Read automatic colors as the model file does that the run begins with.

        Args:
            network: To be trained.
            decode: How its automatic colors are read.
            most: Hints in a picture at most.
        """
        super().__init__()
        self.network, self.decode, self.most = network, decode, most

    def forward(
        self,
        lightness: Tensor,
        target: Tensor,
        generator: torch.Generator,
        rgb: Tensor | None = None,
        judge_pictures: bool = True,
        ask_teacher: bool = True,
    ) -> Loss:
        """Return the mean logarithm of every picture's error at 1/4 size: PSNR, upside down."""
        del rgb, judge_pictures, ask_teacher
        device = target.device
        vividness = max(2 * float(torch.rand((), generator=generator)) - 1, 0)  # half of them: 0
        number = draw_number(self.most, generator)
        small = F.avg_pool2d(lightness, self.network.stride)
        wanted, things = recolor(target.cpu(), small.cpu(), generator)
        at, colors = draw_hints(wanted, number, generator, things)
        target = wanted.to(device)
        hinted = self._hinted(self.network, lightness, vividness, at.to(device), colors.to(device))
        loss = picture_error(lab_to_rgb(small, hinted), lab_to_rgb(small, target))
        return Loss(loss, loss.detach())

    def colors(self, network: nn.Module, lightness: Tensor, target: Tensor) -> Tensor:
        """Return the colors at vividness 0 with ``CHECKED`` hints, always at the same places."""
        assert isinstance(network, HintedNetwork)
        generator = torch.Generator().manual_seed(0)
        size = torch.tensor(target.shape[2:])
        at = torch.rand((len(target), self.CHECKED, 2), generator=generator) * (size - 1)
        at = at.to(target.device)
        return self._hinted(network, lightness, 0.0, at, sample(target, at).transpose(1, 2))

    def _hinted(
        self, network: HintedNetwork, lightness: Tensor, vividness: float, at: Tensor, ab: Tensor
    ) -> Tensor:
        with torch.no_grad():
            features = network.network.features(lightness)
            model = ColorModel(network.network, self.decode).to(lightness.device)
            level = lightness.new_full((1,), vividness)
            automatic = model.decode(network.network.head(features), level)[0]
        places = network.branch.describe(features, lightness)
        return network.branch.spread(automatic, places, at, ab)


def check_objective(config: TrainConfig, network: nn.Module) -> None:
    """Make sure that a network can be trained with the objective of a run.

    Raises:
        TrainingError: It cannot.
    """
    is_classifier = isinstance(network, Classifier | HintedNetwork)
    is_regressor = isinstance(network, PaperNetwork | NanoRegression)
    if not {"classification": is_classifier, "regression": is_regressor}[config.objective]:
        raise TrainingError(f"network {config.network!r} is not trained by {config.objective}")
    if is_regressor and (config.picture_weight or config.feature_weight or config.teacher):
        text = "picture_weight, feature_weight and teacher are for classification alone"
        raise TrainingError(text)


def make_objective(
    config: TrainConfig,
    network: nn.Module,
    teacher: Classifier | None = None,
    share: Share = WHOLE,
) -> Objective:
    """Return the objective of a run.

    Args:
        config: The choices of the run.
        network: To be trained.
        teacher: The one that the configuration names.
        share: The part of each batch that this process sees.

    Raises:
        TrainingError: The network cannot be trained with it.
    """
    check_objective(config, network)
    if isinstance(network, HintedNetwork):
        assert config.hints
        if share.count > 1:
            raise TrainingError("a branch for hints is trained by one process: devices = 1")
        return HintObjective(network, decoding_of(model_spec(config.start)), config.hints.most)
    if isinstance(network, Classifier):
        pictures = None
        if config.picture_weight or config.feature_weight:
            pictures = PictureObjective(
                network, config.picture_weight, config.feature_weight, config.feature_network
            )
        return Classification(
            network, config.positions, teacher, config.teacher_share, share, pictures
        )
    assert isinstance(network, PaperNetwork | NanoRegression)
    return Regression(network)


def set_bins(network: nn.Module, cache: Cache) -> None:
    """Place the bins of a classifying network, and set its prior, by the photographs' colors.

    Raises:
        TrainingError: The photographs have fewer colors than there are bins.
    """
    if isinstance(network, Classifier):
        count = network.num_bins
        occupied = int((cache.histogram > 0).sum())
        if occupied < count:
            raise TrainingError(f"the photographs have only {occupied} colors for {count} bins")
        centers = bins.place_bins(cache.histogram, count)
        prior = bins.bin_prior(cache.histogram, bins.encode_bins(centers), count)
        network.bin_centers.copy_(torch.from_numpy(centers))
        network.log_prior.copy_(torch.from_numpy(prior).log())
