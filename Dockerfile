# The app with all that it needs, for processors. `docker compose up` makes and starts it, with
# MongoDB and Omniboard beside it; docs/how-to.md says more.
FROM python:3.11-slim-bookworm
# An index of PyTorch's builds for processors keeps CUDA's gigabytes out of the image.
ARG PIP_EXTRA_INDEX_URL
COPY . /source
WORKDIR /source
# The versions of the lock, of the packages that are asked for: no tools of development.
RUN grep -Eo '^[A-Za-z0-9_.-]+==[^ ;]+' requirements.lock > constraints.txt && \
    pip install --no-cache-dir -c constraints.txt -r requirements-torch.txt ".[app,cluster]"
WORKDIR /lemons
RUN echo 'app_host = "0.0.0.0"' > config.py
ENV LEMONS_DATA_FOLDER=/data
EXPOSE 8501
# The demo is made once, into the volume; after that this starts at once.
CMD ["sh", "-c", "lemons-demo && exec lemons-app --no_browser"]
