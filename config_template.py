"""Every path, port and server address that LEMONS uses.

In a clone, copy this file to `config.py` beside it and change what you like there: `config.py` is
not under version control, and what it leaves out keeps the value it has here. Where LEMONS is
installed, `config.py` is read in the working directory, or else in the user's folder of settings
(`~/.config/lemons` on Linux). Two settings also
listen to the environment: `LEMONS_DATA_FOLDER` and `LEMONS_MONGO_URL`.
"""

# -- where things are --------------------------------------------------------------------------
# Catalogues, experiments, runs, stems and stored explanations all hang under this folder.
# Empty: the root of the repository (`~/lemons` where LEMONS was installed from a wheel).
data_folder = ""

# What the web server serves. Empty: `web/` under the data folder.
web_folder = ""

# -- where experiments are logged --------------------------------------------------------------
# Empty: sacred writes files into `runs/`. Otherwise a server, e.g. "mongodb://127.0.0.1:27017".
mongodb_url = ""
mongodb_db_name = "LEMONS"
experiment_name = "LEMONS"

# -- servers -----------------------------------------------------------------------------------
# Both are reachable from this machine alone unless the host says otherwise.
app_host = "127.0.0.1"
app_port = 8501
webserver_host = "127.0.0.1"
webserver_port = 8600

# Where a browser finds the audio. Empty: on the app's own port, under /audio. Name an address
# such as "https://audio.example.org/lemons" when `web_folder` is served from somewhere else.
audio_base_url = ""

# Names by which browsers may reach both servers, beside `localhost`, IP addresses and the hosts
# above: "lemons.example.org music.local". Any other name is refused: a foreign page could point
# one of its own at this machine and read what is served here.
host_names = ""

# Origins of pages that may show the app in a frame: "https://intranet.example.org". Empty: none.
embedded_by = ""

# -- limits ------------------------------------------------------------------------------------
# The cache of separated stems forgets what was used longest ago beyond this size.
stems_cache_gb = 20.0
