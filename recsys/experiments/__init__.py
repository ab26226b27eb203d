"""Experiments on disk: their folders, and which one of a listener is current.

An experiment is the folder of one training, named by time, catalogue and listener. The argument
`experiments` of these functions is the parent of these folders, `configuration().experiments`.
`python -m recsys.experiments` lists them and changes which are current.
"""

from recsys.experiments.current import current_experiments as current_experiments
from recsys.experiments.current import make_current as make_current
from recsys.experiments.current import record_path as record_path
from recsys.experiments.current import settle as settle
from recsys.experiments.folder import ExperimentFolder as ExperimentFolder
from recsys.experiments.folder import newest_unfinished as newest_unfinished
from recsys.experiments.folder import reopen as reopen
from recsys.experiments.folder import start as start
from recsys.experiments.folder import take_up as take_up
from recsys.experiments.listing import read_experiment as read_experiment
from recsys.experiments.models import EVERYBODY as EVERYBODY
from recsys.experiments.models import FoundModel as FoundModel
from recsys.experiments.models import find_model as find_model
from recsys.experiments.models import find_trained as find_trained
from recsys.experiments.models import named_listeners as named_listeners
from recsys.experiments.models import trained_listeners as trained_listeners
