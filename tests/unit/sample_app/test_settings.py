"""Settings: what the environment can say, and that `.env.example` says it all."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

import sample_app
from sample_app.settings import DEVELOPMENT_SECRET, AuthSettings, MetricsSettings, Settings

EXAMPLE = Path(sample_app.__file__).with_name(".env.example")


@pytest.fixture(autouse=True)
def _no_settings_from_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in variables(Settings(_env_file=None)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def variables(settings: BaseModel, prefix: str = "SAMPLE_APP_") -> dict[str, object]:
    """Every variable's name, with its value in `settings`."""
    found: dict[str, object] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            found |= variables(value, f"{prefix}{name.upper()}_")
        else:
            found[f"{prefix}{name.upper()}"] = value
    return found


def test_env_example_documents_every_variable_and_no_other() -> None:
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and line[0] != "#"]
    assert [line.partition("=")[0] for line in lines] == list(variables(Settings()))


def test_env_example_holds_the_defaults() -> None:
    assert Settings(_env_file=EXAMPLE) == Settings(_env_file=None)


def test_variables_set_reach_their_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_APP_DATABASE_POOL_SIZE", "3")
    monkeypatch.setenv("SAMPLE_APP_DATABASE_URL", "sqlite+aiosqlite:///./other.db")
    monkeypatch.setenv("SAMPLE_APP_LOG_LEVEL", "WARNING")
    settings = Settings()
    assert settings.database.pool_size == 3
    assert settings.database.url.endswith("other.db")
    assert settings.database.max_overflow == 20
    assert settings.log.level == "WARNING"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        pytest.param("DATABASE_POOL_SIZE", "0", "greater than 0", id="a pool of nothing"),
        pytest.param("TRACES_RATIO", "5", "less than or equal to 1", id="a ratio in percent"),
        pytest.param("ENVIRONMENT", "prod", "'production'", id="an unknown environment"),
        pytest.param("DATABASE_POOLSIZE", "3", "Extra inputs", id="a misspelt variable"),
        pytest.param(
            "ENVIRONMENT", "production", "SAMPLE_APP_SEED_ROWS=0", id="seeding production"
        ),
        pytest.param("TASKS_POLL", "10", "four times SAMPLE_APP_TASKS_POLL", id="leases that end"),
        pytest.param("AUTH_SECRET", "short", "at least 32", id="a secret that can be guessed"),
        pytest.param("RATE_USER", "many", "couldn't parse", id="a rate that is none"),
        pytest.param("HTTP_ORIGINS", '["*"]', "pattern", id="any origin"),
        pytest.param("HTTP_ORIGINS", '["http://a/"]', "pattern", id="an origin and a path"),
        pytest.param("HTTP_MAX_BODY", "0", "greater than 0", id="no body at all"),
        pytest.param("HTTP_PROXIES", '["a.example"]', "IPv4 or IPv6 network", id="a proxy by name"),
        pytest.param("HTTP_PROXIES", '["10.0.0.1/8"]', "IPv4 or IPv6 network", id="an odd network"),
        pytest.param("HTTP_PROXIES", '["0.0.0.0/0"]', "every address", id="everybody a proxy"),
        pytest.param("METRICS_TOKEN", "short", "16 characters", id="a token that can be guessed"),
        pytest.param("BUILT", "yesterday", "built", id="a build time that is none"),
        pytest.param("BUILT", "2026-01-31T12:00:00", "timezone", id="a build time without a zone"),
    ],
)
def test_variable_with_a_bad_value_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    monkeypatch.setenv(f"SAMPLE_APP_{name}", value)
    with pytest.raises(ValidationError, match=problem):
        Settings()


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_reset_outside_development_is_refused(
    monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    monkeypatch.setenv("SAMPLE_APP_SEED_RESET", "true")
    assert Settings().seed.reset
    monkeypatch.setenv("SAMPLE_APP_ENVIRONMENT", environment)
    monkeypatch.setenv("SAMPLE_APP_SEED_ROWS", "0")
    monkeypatch.setenv("SAMPLE_APP_AUTH_SECRET", "x" * 32)
    with pytest.raises(ValidationError, match="SAMPLE_APP_SEED_RESET deletes contacts"):
        Settings()


@pytest.mark.parametrize("environment", ["staging", "production"])
@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param(
            {"AUTH_SECRET": DEVELOPMENT_SECRET}, "set SAMPLE_APP_AUTH_SECRET", id="secret"
        ),
        pytest.param({"REGRESSIONS": "slow_query"}, "plants mistakes", id="planted mistakes"),
        pytest.param(
            {"AUTH_ADMIN_PASSWORD": "sample-password"},
            "SAMPLE_APP_AUTH_ADMIN_PASSWORD: the sample password is public",
            id="an admin with the public password",
        ),
    ],
)
def test_staging_and_production_refuse_what_only_development_allows(
    monkeypatch: pytest.MonkeyPatch, environment: str, changes: dict[str, str], problem: str
) -> None:
    sound = {"ENVIRONMENT": environment, "SEED_ROWS": "0", "AUTH_SECRET": "x" * 32}
    for name, value in sound.items():
        monkeypatch.setenv(f"SAMPLE_APP_{name}", value)
    settings = Settings()
    assert settings.auth.anonymous
    assert not settings.anonymous
    assert "x" * 32 not in repr(settings)
    for name, value in changes.items():
        monkeypatch.setenv(f"SAMPLE_APP_{name}", value)
    with pytest.raises(ValidationError, match=problem):
        Settings()


@pytest.mark.parametrize(
    ("password", "accepted"),
    [
        pytest.param("sample-password", False, id="the public one"),
        pytest.param("", True, id="no sample users"),
        pytest.param("a password of staging", True, id="one of its own"),
    ],
)
def test_staging_seeds_sample_users_only_with_a_password_of_its_own(
    monkeypatch: pytest.MonkeyPatch, password: str, accepted: bool
) -> None:
    sound = {"ENVIRONMENT": "staging", "AUTH_SECRET": "x" * 32, "SEED_PASSWORD": password}
    for name, value in sound.items():
        monkeypatch.setenv(f"SAMPLE_APP_{name}", value)
    if accepted:
        assert Settings().seed.rows
        return
    with pytest.raises(ValidationError, match="SAMPLE_APP_SEED_PASSWORD: the sample password"):
        Settings()


def test_rate_limits_limit_by_default() -> None:
    rate = Settings().rate
    assert (rate.user, rate.address, rate.login) == ("600/minute", "300/minute", "10/minute")


def test_secrets_are_not_shown() -> None:
    shown = repr(Settings(auth=AuthSettings(admin_password=SecretStr("hush hush"))))
    shown += repr(Settings(metrics=MetricsSettings(token=SecretStr("a token of metrics"))))
    for secret in (DEVELOPMENT_SECRET, "hush hush", "sample-password", "a token of metrics"):
        assert secret not in shown
