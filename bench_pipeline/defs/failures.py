"""Who is told when a run failed while nobody was looking: an address that takes a message, or a
mailbox. Registered stopped, like everything that happens by itself."""

import os
import smtplib
from email.message import EmailMessage

import dagster as dg

TOLD = "BENCH_PIPELINE_ON_FAILURE"
"""`https://…`, to which a JSON object is posted; or `mailto:somebody@example.org`, by the mail
server of this machine. Set where `make ui` is started."""
TIMEOUT_S = 10.0
MAIL_SERVER = "localhost"


@dg.run_failure_sensor(
    name="tell_failures",
    description=f"Tells whoever {TOLD} names (https:// or mailto:) of each run that failed.",
)
def tell_failures(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    run = context.dagster_run
    return tell(
        os.environ.get(TOLD, ""),
        run=run.run_id,
        job=run.job_name,
        partition=run.tags.get("dagster/partition", ""),
        message=context.failure_event.message or "",
    )


def tell(whom: str, **what: str) -> dg.SkipReason | None:
    """None: it is told. Else why not: a failure that cannot be told is no failure more."""
    import httpx

    from bench_pipeline.fetching.client import outside_client

    title = f"bench_pipeline: {what['job']} {what['partition']} failed".replace("  ", " ")
    try:
        if whom.startswith(("http://", "https://")):
            with outside_client(TIMEOUT_S) as client:
                client.post(whom, json={"text": title, **what}).raise_for_status()
        elif whom.startswith("mailto:"):
            mail = EmailMessage()
            mail["Subject"], mail["To"] = title, whom.removeprefix("mailto:")
            mail["From"] = "bench_pipeline@localhost"
            mail.set_content("\n".join(f"{name}: {text}" for name, text in what.items()))
            with smtplib.SMTP(MAIL_SERVER, timeout=TIMEOUT_S) as server:
                server.send_message(mail)
        else:
            return dg.SkipReason(f"{TOLD} names nobody: set it to https://… or mailto:…")
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return dg.SkipReason(f"could not be told: {error!r}")
    return None
