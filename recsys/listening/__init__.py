"""Turn play counts into a listener's labels and 80-10-10 split: `python -m recsys.listening`."""

from recsys.listening.command import add_split_options as add_split_options
from recsys.listening.command import main as main
from recsys.listening.command import split_summary as split_summary
from recsys.listening.command import training_command as training_command
from recsys.listening.command import write_splits as write_splits
from recsys.listening.splits import PARTS as PARTS
from recsys.listening.splits import PUBLISHED_SEED as PUBLISHED_SEED
from recsys.listening.splits import SPLIT_COLUMNS as SPLIT_COLUMNS
from recsys.listening.splits import artists as artists
from recsys.listening.splits import check_split as check_split
from recsys.listening.splits import make_split as make_split
from recsys.listening.splits import read_split as read_split
from recsys.listening.splits import split_path as split_path
from recsys.listening.splits import users as users
from recsys.listening.splits import write_split as write_split
