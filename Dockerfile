# Three images from one file; `docker build --target NAME .` picks one, and `service` is the default.
#
#   service              serves on CPUs with OpenVINO alone
#   service-tensorflow   serves with TensorFlow too: GPUs, and SavedModels that nobody converted
#   training             makes models
#
# For models in a bucket or on a web server: --build-arg EXTRAS=s3, gcs or http, or 's3 http'; for
# indexes in a database: EXTRAS=postgres.
# For an NVIDIA GPU: --build-arg TENSORFLOW='tensorflow[and-cuda]' with the last two.
# Behind a package mirror: --secret id=pip.conf,src=pip.conf and, if it has a certificate of its own,
# --secret id=ca.crt,src=ca.crt with `cert = /run/secrets/ca.crt` in pip.conf. Neither enters an image.

ARG BASE=python:3.12-slim-bookworm

# --- what to install: from pyproject.toml, so that its other lines do not stale the layers below 
FROM ${BASE} AS requirements
WORKDIR /requirements
COPY pyproject.toml .
RUN python -c "import pathlib, tomllib; \
    project = tomllib.loads(pathlib.Path('pyproject.toml').read_text())['project']; \
    [pathlib.Path(f'{name}.txt').write_text('\n'.join(project['dependencies'] + extra)) \
     for name, extra in project['optional-dependencies'].items()]"

# --- environments: packages without this project's code, and without pip ------------------------
FROM ${BASE} AS environment
ENV PIP_CACHE_DIR=/var/cache/pip \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_COMPILE=1 \
    PIP_ROOT_USER_ACTION=ignore
RUN python -m venv --without-pip /opt/venv
COPY constraints.txt /requirements/

FROM environment AS service-environment
RUN apt-get update && apt-get install --yes --no-install-recommends binutils
ARG EXTRAS=""
COPY --from=requirements /requirements/service.txt /requirements/grpc.txt /requirements/s3.txt \
    /requirements/gcs.txt /requirements/http.txt /requirements/postgres.txt /requirements/
RUN --mount=type=cache,target=/var/cache/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.crt \
    python -m pip --python /opt/venv/bin/python install \
        -c /requirements/constraints.txt -r /requirements/service.txt -r /requirements/grpc.txt \
        $(for extra in ${EXTRAS}; do echo "-r /requirements/${extra}.txt"; done)
# What serving never opens. The service reads OpenVINO's own format on CPUs, so other devices'
# plugins and other formats' readers go; openvino.tools goes with openvino_telemetry, which reports
# every import to its makers. It draws no text, so Pillow's fonts go. `python -m tests.containers`
# proves that what is left serves every format of picture. (-f: wheels for ARM lack some of these.)
RUN cd /opt/venv/lib/python3*/site-packages \
    && rm -rf openvino/cmake openvino/include openvino/tools openvino/torch \
        openvino_telemetry openvino_telemetry-*.dist-info \
        openvino/libs/*_gpu_plugin.so openvino/libs/*_npu_plugin.so openvino/libs/cache.json \
        openvino/libs/*_auto_plugin.so openvino/libs/*_auto_batch_plugin.so \
        openvino/libs/*_hetero_plugin.so openvino/libs/libopenvino_c.so.* \
        numpy/f2py numpy/_core/include numpy/_core/_simd.*.so numpy/_core/_*_tests.*.so \
        PIL/_imagingft.* PIL/_imagingtk.* pillow.libs/libfreetype-* pillow.libs/libharfbuzz-* \
        pillow.libs/libpng16-* pillow.libs/libbrotli* \
    && find openvino/libs -name 'libopenvino_*_frontend.so.*' ! -name '*_ir_*' -delete \
    && find openvino/frontend -mindepth 1 -type d -prune -exec rm -r {} + \
    && find . -type d -name tests -prune -exec rm -r {} + \
    && find . -type f -regex '.*\.\(pyi\|pyx\|pxd\|a\|h\)' -delete \
    && find /opt/venv/bin -type f -delete \
    && strip --strip-debug uvloop/*.so PIL/*.so
# Bytecode that is never checked against its source: no image changes, and layers may lose times.
RUN python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib

FROM service-environment AS service-tensorflow-environment
ARG TENSORFLOW=tensorflow
COPY --from=requirements /requirements/tensorflow.txt /requirements/
RUN --mount=type=cache,target=/var/cache/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.crt \
    python -m pip --python /opt/venv/bin/python install \
        -c /requirements/constraints.txt -r /requirements/tensorflow.txt "${TENSORFLOW}"
RUN cd /opt/venv/lib/python3*/site-packages \
    && rm -rf clang libclang-* tensorflow/include \
    && find . -type d -name tests -prune -exec rm -r {} + \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib

FROM environment AS training-environment
ARG TENSORFLOW=tensorflow
COPY --from=requirements /requirements/training.txt /requirements/
RUN --mount=type=cache,target=/var/cache/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.crt \
    python -m pip --python /opt/venv/bin/python install \
        -c /requirements/constraints.txt -r /requirements/training.txt "${TENSORFLOW}"
RUN cd /opt/venv/lib/python3*/site-packages \
    && rm -rf clang libclang-* tensorflow/include openvino_telemetry openvino_telemetry-*.dist-info \
        openvino/libs/*_gpu_plugin.so openvino/libs/*_npu_plugin.so openvino/libs/cache.json \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib

# --- code: last, so that a change of it rebuilds in seconds -------------------------------------
FROM ${BASE} AS service-code
COPY LICENSE NOTICE /app/
COPY service /app/service
RUN python -m compileall -q --invalidation-mode unchecked-hash /app

FROM service-code AS training-code
COPY training /app/training
RUN python -m compileall -q --invalidation-mode unchecked-hash /app

# --- what every image has -----------------------------------------------------------------------
FROM ${BASE} AS runtime
LABEL org.opencontainers.image.title="Lutrin" \
      org.opencontainers.image.description="Train Keras models, export them as SavedModel folders, serve them over HTTP." \
      org.opencontainers.image.licenses="Apache-2.0"
# The home is /tmp, whoever runs it: a read-only root file system has a tmpfs there.
RUN useradd --uid 10001 --user-group --no-log-init --no-create-home --home-dir /tmp \
        --shell /usr/sbin/nologin lutrin
ENV PATH=/opt/venv/bin:${PATH} \
    HOME=/tmp \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
STOPSIGNAL SIGTERM

FROM runtime AS serving
ENV HOST=0.0.0.0 \
    PORT=8000 \
    MODELS_DIR=/models \
    INDEXES=/indexes \
    LOG_FORMAT=json
# Where a volume belongs, if indexes are wanted; a new one takes its mode from here.
RUN install --directory --mode=1777 /indexes
WORKDIR /app
# 8500 is for the gRPC services, where GRPC_PORT=8500 asks for them.
EXPOSE 8000 8500
# Healthy means ready: an orchestrator sends no traffic to, and stops rolling out, an image whose
# models do not reproduce their goldens. REQUIRED_MODELS narrows which ones count.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-S", "-c", "import http.client, os, sys\n\
connection = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4)\n\
connection.request('GET', '/health/ready')\n\
sys.exit(connection.getresponse().status != 200)\n"]
USER 10001:10001
ENTRYPOINT ["python", "-m", "service"]
CMD []

# --- the images ---------------------------------------------------------------------------------
FROM runtime AS training
ENV KERAS_HOME=/cache/keras
WORKDIR /workspace
# Writable for every user: files in a mounted models/ should belong to whoever runs the container,
# and a new volume takes its mode from here.
RUN install --directory --mode=1777 /cache /workspace/models /workspace/runs
COPY --from=training-environment /opt/venv /opt/venv
COPY --from=training-code /app /app
USER 10001:10001
ENTRYPOINT ["python", "-m", "training"]
CMD ["--help"]

FROM serving AS service-tensorflow
COPY --from=service-tensorflow-environment /opt/venv /opt/venv
COPY models /models
COPY --from=service-code /app /app

FROM serving AS service
COPY --from=service-environment /opt/venv /opt/venv
COPY models /models
COPY --from=service-code /app /app
