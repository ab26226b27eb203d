"""Linear heads on local statistics: fitted in seconds, taught what removal means, calibrated."""

from recsys.heads.calibration import calibrate as calibrate
from recsys.heads.fitting import Head as Head
from recsys.heads.fitting import fit_head as fit_head
from recsys.heads.pooled import PooledTrack as PooledTrack
from recsys.heads.pooled import pool as pool
from recsys.heads.pooled import pool_with_stems as pool_with_stems
from recsys.heads.pooled import pooled_tracks as pooled_tracks
from recsys.heads.pooled import read_pooled as read_pooled
from recsys.heads.pooled import write_pooled as write_pooled
from recsys.heads.training import HeadTraining as HeadTraining
from recsys.heads.training import check_split as check_split
from recsys.heads.training import train_head as train_head
