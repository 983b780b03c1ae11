-- The decode rate of each wave, in the order in which they were measured: the median over its
-- streams, as in measures/cells.py. These are the values behind a cell's median and interval.
-- `server` is set where a cell was answered by several starts of it, block after block: there the
-- values are the medians of each start's waves.
create or replace view wave_speeds as
select
    r.run_id,
    r.workload,
    r.concurrency,
    r.wave,
    any_value(w.server) as server,
    min(r.sent_at_ms) as sent_at_ms,
    median((r.received_tokens - 1) / r.decode_ms * 1000) as decode_tok_s
from requests r
left join waves w using (run_id, workload, concurrency, wave)
where not r.warmup and r.received_tokens >= 2 and r.decode_ms > 0
group by r.run_id, r.workload, r.concurrency, r.wave;
