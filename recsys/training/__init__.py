"""Trainings of networks: of one listener, or of several side by side."""

from recsys.training.loop import Course as Course
from recsys.training.loop import EpochReport as EpochReport
from recsys.training.loop import course as course
from recsys.training.loop import fit as fit
from recsys.training.loop import fresh_network as fresh_network
from recsys.training.loop import run as run
from recsys.training.side_by_side import fit_side_by_side as fit_side_by_side
from recsys.training.trainer import Best as Best
from recsys.training.trainer import Step as Step
from recsys.training.trainer import Trainer as Trainer
from recsys.training.trainer import TrainingState as TrainingState
