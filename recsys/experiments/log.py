"""What a training leaves in its folder, in its run and on the terminal."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import Any

from recsys import checkpoint, progress, tracking, training
from recsys.experiments.folder import ExperimentFolder
from recsys.metrics import Evaluation
from recsys.model import Network


class ModelLog:
    """Writes a model and its card, and prints how good it is.

    Parameters
    ----------
    folder : ExperimentFolder
    network : Network
        Whose weights are written.
    split_checksum : str
        SHA-256 of the split's file.
    tracker : Tracker
    """

    def __init__(
        self,
        folder: ExperimentFolder,
        network: Network,
        split_checksum: str,
        tracker: tracking.Tracker,
    ) -> None:
        self.folder, self._network, self._tracker = folder.path, network, tracker
        self._card = checkpoint.make_card(
            config=folder.options,
            metrics={},
            split_checksum=split_checksum,
            started=folder.started,
        )
        self._model_path = folder.path / checkpoint.BEST_MODEL
        self._started = time.perf_counter()

    def keep(self, best: training.Best, result: str, **about: object) -> dict[str, Any]:
        """Write the model for good with its card, print the result, and return its numbers."""
        seconds = round(time.perf_counter() - self._started, 1)
        card = self.save_model(best, **about, seconds=seconds, finished=checkpoint.utc_now())
        self._tracker.artifact(self._model_path)
        self._tracker.artifact(self._model_path.with_suffix(".json"))
        print(
            f"{result}, validation AUC {best.auc:.3f}, MAP {best.map:.3f}, loss {best.loss:.3f}\n"
            f"model: {self._model_path} ({card['model_checksum'][:12]})"
        )
        return {**asdict(best), "model": str(self._model_path), "seconds": seconds}

    def save_model(self, best: training.Best, **more: object) -> dict[str, Any]:
        """Write the model and its card, and return the card."""
        metrics = {"epoch": best.epoch, "valid_loss": best.loss}
        metrics |= {"valid_auc": best.auc, "valid_map": best.map}
        card = {**self._card, "metrics": metrics, **more}
        return checkpoint.save_model(self._model_path, self._network, card)


class EpochLog(ModelLog):
    """Writes files, logs metrics and prints lines during a training of epochs.

    The state holds the metrics up to its epoch, which are logged again when a training goes on:
    the run that ends has all of them, however often the training was killed. `state` is the one
    that the folder holds, or None.
    """

    def __init__(
        self,
        folder: ExperimentFolder,
        network: Network,
        split_checksum: str,
        tracker: tracking.Tracker,
        tracks: int,
    ) -> None:
        super().__init__(folder, network, split_checksum, tracker)
        self._steps_per_epoch = -(-tracks // folder.options["batch_size"])
        self._epochs, self.state = 0, None
        self._metrics: list[tuple[int, dict[str, float]]] = []
        if (last := folder.path / checkpoint.LAST_STATE).exists():
            self.state = checkpoint.load_state(last)
            self._epochs = self.state.facts["epoch"]
            self._started -= self.state.facts.get("seconds", 0.0)
            print(f"going on in {folder.path} after epoch {self._epochs}")
            for step, values in self.state.facts.get("metrics", []):
                self._log(values, step)
        self._n_epochs, self._began_after = folder.n_epochs, self._epochs
        self._began = time.perf_counter()
        self.bar = progress.bar(folder.n_epochs, unit="epoch", initial=self._epochs, lines=False)

    def on_start(self, untrained: Evaluation, train_loss: float) -> None:
        """Log how good the network is before its first epoch, as epoch 0."""
        self._log({"train/epoch_loss": train_loss, **_of_valid(untrained)}, 0)

    def on_step(self, step: int, loss: float) -> None:
        """Log the loss of a step."""
        self._log({"train/loss": loss}, step)
        self.bar.n = round(step / self._steps_per_epoch, 1)
        self.bar.refresh()

    def on_epoch(self, report: training.EpochReport) -> None:
        """Write the model and the state after an epoch, log and show its numbers."""
        # First the model, then the state: what a kill leaves between the two is trained again.
        if report.is_best and report.best:
            self.save_model(report.best)
        metrics = {"train/epoch_loss": report.train_loss, "train/lr": report.lr}
        if report.valid is not None:
            metrics |= _of_valid(report.valid)
        self._log(metrics, report.epoch)
        seconds = round(time.perf_counter() - self._started, 1)
        facts = {**report.state.facts, "metrics": self._metrics, "seconds": seconds}
        state = training.TrainingState(report.state.tensors, facts)
        checkpoint.save_state(self.folder / checkpoint.LAST_STATE, state)
        self._epochs = report.epoch
        self._show(report)

    def finish(self, best: training.Best, **about: object) -> dict[str, Any]:
        """Write the model for good, print how good it is, and return its numbers."""
        which = f"epoch {best.epoch}" if best.epoch else "none, the model is what it started from"
        result = f"best of {self._epochs} epochs: {which}"
        return self.keep(best, result, epochs=self._epochs, **about)

    def _log(self, values: dict[str, float], step: int) -> None:
        self._metrics.append((step, values))
        self._tracker.metrics(values, step)

    def _show(self, report: training.EpochReport) -> None:
        shown = {"loss": f"{report.train_loss:.3f}"}
        if report.valid is not None:
            shown |= {"AUC": f"{report.valid.auc:.3f}", "MAP": f"{report.valid.map:.3f}"}
        self.bar.n = report.epoch
        self.bar.set_postfix(shown)
        now_and_then = self.bar.disable and report.epoch % max(1, self._n_epochs // 10) == 0
        if report.is_best or now_and_then:
            numbers = ", ".join(f"{name} {value}" for name, value in shown.items())
            mark = " (best so far)" if report.is_best else ""
            epoch = f"epoch {report.epoch}/{self._n_epochs}"
            pace = self._pace(report.epoch)
            self.bar.write(f"{epoch}: {numbers}, {pace}{mark}", file=sys.stdout)

    def _pace(self, epoch: int) -> str:
        """Say how long the training has taken, and about how long the rest will take."""
        now = time.perf_counter()
        left = (now - self._began) / (epoch - self._began_after) * (self._n_epochs - epoch)
        return f"{progress.duration(now - self._started)}, {progress.duration(left)} left"


def _of_valid(evaluation: Evaluation) -> dict[str, float]:
    return {f"valid/{name}": value for name, value in evaluation.numbers().items()}
