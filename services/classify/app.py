"""Composition root of the classify service: the only file that chooses implementations."""

import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from services.classify.api.routes import classify_router
from services.classify.core.ports import Scorer
from services.classify.meters import MeteredScorer, Meters
from services.classify.model.linear_scorer import LinearScorer
from services.classify.model.onnx_scorer import open_onnx_scorer
from services.classify.model.own_taxonomy import with_taxonomy
from services.classify.settings import ClassifySettings
from services.classify.worker import ClassifyHandler
from shared.clock import utc_now
from shared.contracts.configuration import Configuration
from shared.contracts.topics import POSTS_RECEIVED
from shared.errors import PermanentError
from shared.service.auth import Keyring
from shared.service.configuration import load_configuration
from shared.service.health import Health
from shared.service.http import ServiceParts, create_app, serve
from shared.service.lag import kafka_lag
from shared.service.logs import configure_logs
from shared.service.settings import EarshotSettings, HttpSettings, KafkaSettings
from shared.service.telemetry import Telemetry
from shared.service.watch import LoopWatch
from shared.service.worker import LoopThread
from shared.stream.batching import BatchPolicy
from shared.stream.kafka import KafkaPublisher, KafkaSource
from shared.stream.loop import Loop
from shared.stream.ports import Publisher

GROUP = "classify"
LOGGED_FINDINGS = 20


@dataclass(frozen=True)
class Settings:
    """Everything read from the environment, once."""

    earshot: EarshotSettings
    http: HttpSettings
    kafka: KafkaSettings
    classify: ClassifySettings


def read_settings() -> Settings:
    """Return the settings of this process."""
    return Settings(EarshotSettings(), HttpSettings(), KafkaSettings(), ClassifySettings())


def open_scorer(settings: ClassifySettings) -> LinearScorer:
    """Return the chosen model, loaded. Raises ContractError for a broken artefact, ConfigurationError for the rest."""
    if settings.backend == "onnx":
        return open_onnx_scorer(
            settings.artefact,
            threads=settings.threads,
            remembered_texts=settings.remembered_texts,
            precision=settings.sure_precision,
        )
    # Imported only here: the default backend must not need, and does not load, torch.
    from services.classify.model.sentence_transformers_scorer import open_sentence_transformers_scorer  # noqa: PLC0415

    return open_sentence_transformers_scorer(settings.model, remembered_texts=settings.remembered_texts)


def with_own_taxonomy(scorer: LinearScorer, configuration: Configuration) -> LinearScorer:
    """Return the scorer with the departments and intents of earshot.yaml; what is doubtful about them is logged."""
    log = structlog.get_logger(__name__)
    began = time.monotonic()
    found = with_taxonomy(scorer, configuration.taxonomy)
    for finding in found.findings[:LOGGED_FINDINGS]:
        log.warning("a label of the taxonomy is doubtful", label=f"{finding.head} {finding.label}", why=finding.problem)
    if more := found.findings[LOGGED_FINDINGS:]:
        log.warning("more labels are doubtful; python -m services.classify taxonomy tells all", number=len(more))
    if found.scorer is not scorer:
        seconds = round(time.monotonic() - began, 1)
        log.info("own taxonomy learnt", model=found.scorer.model, seconds=seconds)
    return found.scorer


def build_worker(settings: Settings, scorer: Scorer, telemetry: Telemetry) -> tuple[LoopThread, Publisher]:
    """Return the consumer of this process, not yet started, and the publisher it writes with."""
    kafka = settings.kafka.address("earshot-classify")
    held = settings.classify
    policy = BatchPolicy(held.batch_max_records, held.batch_max_bytes, held.batch_max_age_seconds)
    publisher = KafkaPublisher(kafka)
    handler = ClassifyHandler(scorer, publisher, utc_now)
    source = KafkaSource(kafka, GROUP, [POSTS_RECEIVED.name])
    loop = Loop(source, handler, publisher, policy, time.monotonic, LoopWatch(telemetry, GROUP))
    return LoopThread(GROUP, loop, time.monotonic), publisher


def build_app(
    settings: Settings, configuration: Configuration, scorer: Scorer, telemetry: Telemetry
) -> tuple[FastAPI, LoopThread]:
    """Return the HTTP app, whose lifespan runs the worker, and the worker."""
    worker, publisher = build_worker(settings, scorer, telemetry)
    health = Health()
    health.register(f"loop {GROUP}", worker.problem)
    lag = kafka_lag(telemetry, settings.kafka.address("earshot-classify-lag"), {GROUP: [POSTS_RECEIVED.name]})

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        worker.start()
        lag.start()
        yield
        await run_in_threadpool(lag.stop)
        await run_in_threadpool(worker.stop)
        await run_in_threadpool(publisher.close)

    key = settings.earshot.api_key
    keyring = Keyring(configuration, key.get_secret_value() if key else None)
    parts = ServiceParts("classify", keyring, health, telemetry, settings.http.prefix)
    return create_app(parts, [classify_router(scorer)], lifespan=lifespan), worker


def main() -> None:
    """Run the service until SIGTERM; exits non-zero when it cannot start or the loop stopped by itself."""
    settings = read_settings()
    configure_logs("classify", level=settings.earshot.log_level, form=settings.earshot.log_format)
    try:
        configuration = load_configuration(settings.earshot.config)
        model = with_own_taxonomy(open_scorer(settings.classify), configuration)
        telemetry = Telemetry("classify")
        scorer = MeteredScorer(model, Meters(telemetry, model.recent))
        app, worker = build_app(settings, configuration, scorer, telemetry)
    except PermanentError as error:
        structlog.get_logger(__name__).critical("cannot start", error=str(error))
        sys.exit(1)
    structlog.get_logger(__name__).info("model loaded", model=scorer.model, backend=settings.classify.backend)
    serve(app, settings.http, failed=lambda: worker.failed is not None)
