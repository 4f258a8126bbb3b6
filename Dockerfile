# One run of the AI Energy Score: model, meter and report in one container.
#
#   ./build.sh                       builds ai_energy_score; plain `docker build .` does too, with or without BuildKit
#   --build-arg WITH_OPTIMUM=0       leaves out the environment of --backend optimum
#   --build-arg BASE_IMAGE=…         another base with Python 3.11 or later; a torch that it has is kept if it fits
#
# The base brings CUDA and torch. Its tag is pinned here, everything above it in constraints.txt.
ARG BASE_IMAGE=pytorch/pytorch:2.13.0-cuda13.0-cudnn9-runtime

FROM ${BASE_IMAGE} AS build
WORKDIR /source
# A virtual environment on top of the base's packages moves to the next stage as one folder.
RUN python3 -m venv --without-pip --system-site-packages /opt/energy-score
COPY pyproject.toml constraints.txt ./
RUN python3 -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
print('\n'.join([*project['dependencies'], *project['optional-dependencies']['pytorch'], \
*project['optional-dependencies']['endpoint']]))" > requirements.txt \
    && /opt/energy-score/bin/python -m pip install --no-cache-dir --constraint constraints.txt --requirement requirements.txt
COPY README.md LICENSE models.csv *.py ./
COPY energy_score energy_score
COPY stubs stubs
RUN /opt/energy-score/bin/python -m pip install --no-cache-dir --no-deps .

# optimum-benchmark needs older packages: an environment of its own, on the same torch of the base.
FROM ${BASE_IMAGE} AS optimum
WORKDIR /source
ARG WITH_OPTIMUM=1
RUN mkdir -p /opt/energy-score-optimum
COPY constraints-optimum.txt ./
RUN if [ "${WITH_OPTIMUM}" = 1 ]; then \
        python3 -m venv --without-pip --system-site-packages /opt/energy-score-optimum \
        && /opt/energy-score-optimum/bin/python -m pip install --no-cache-dir --constraint constraints-optimum.txt \
            optimum-benchmark codecarbon pillow; \
    fi

FROM ${BASE_IMAGE}
COPY --from=build /opt/energy-score /opt/energy-score
COPY --from=optimum /opt/energy-score-optimum /opt/energy-score-optimum
# Any user may run it: the caller's number is none that the image knows.
RUN mkdir -p /results /home/user/.cache/huggingface && chmod -R 1777 /results /home/user
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="AI Energy Score batch runner" \
      org.opencontainers.image.description="Rates AI models by the GPU energy of inference" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/energy-score/bin:${PATH} \
    HOME=/home/user USER=user LOGNAME=user \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    NVIDIA_VISIBLE_DEVICES=void NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    ENERGY_SCORE_OPTIMUM_PYTHON=/opt/energy-score-optimum/bin/python \
    RESULTS_DIR=/results ENERGY_SCORE_REVISION="${REVISION}"
USER 1000:1000
WORKDIR /home/user
# -P: no file of the working directory is ever taken for a module.
ENTRYPOINT ["python", "-P", "-m", "energy_score.host.cli.entry_point"]
