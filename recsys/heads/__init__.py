"""Trunks, and listeners' linear heads on them: taught what removal means, calibrated."""

from recsys.heads.calibration import calibrate as calibrate
from recsys.heads.features import complete_features as complete_features
from recsys.heads.features import feature_batches as feature_batches
from recsys.heads.features import features_path as features_path
from recsys.heads.fitting import Head as Head
from recsys.heads.likes import LEAST_LIKED as LEAST_LIKED
from recsys.heads.likes import fit_head as fit_head
from recsys.heads.pooled import PooledTrack as PooledTrack
from recsys.heads.pooled import pool as pool
from recsys.heads.pooled import pool_with_stems as pool_with_stems
from recsys.heads.pooled import pooled_tracks as pooled_tracks
from recsys.heads.pooled import read_pooled as read_pooled
from recsys.heads.pooled import write_pooled as write_pooled
from recsys.heads.scoring import relevance_tables as relevance_tables
from recsys.heads.scoring import score_heads as score_heads
from recsys.heads.training import HeadTraining as HeadTraining
from recsys.heads.training import check_split as check_split
from recsys.heads.training import train_head as train_head
from recsys.heads.trunk import Trunk as Trunk
from recsys.heads.trunk import find_head as find_head
from recsys.heads.trunk import is_on as is_on
from recsys.heads.trunk import make_trunk as make_trunk
from recsys.heads.trunk import open_trunk as open_trunk
from recsys.heads.trunk import read_trunk as read_trunk
from recsys.heads.trunk import trunk_path as trunk_path
from recsys.heads.trunk import write_trunk as write_trunk
