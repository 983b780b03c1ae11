-- What measured runs say that others of them contradict, a sentence each; which of two is believed
-- follows from the files alone: that of a declared rig, then the one that began first.
create or replace temp view found_disputes as
with
known as (
    select runs.*, coalesce(rigs.declared, false) as declared
    from runs
    left join rigs using (rig)
    where provenance = 'measured'
),
asked as (
    select distinct run_id, ttft_ms, decode_ms, end_to_end_ms, server_decode_ms
    from suspects
    where not warmup and received_tokens > 1
),
-- Microseconds of four times differ between any two requests that were really sent.
alike as (
    select ttft_ms, decode_ms, end_to_end_ms, server_decode_ms
    from asked
    group by all
    having count(*) > 1
),
copies as (
    select
        run_id,
        first_value(run_id) over (
            partition by ttft_ms, decode_ms, end_to_end_ms, server_decode_ms
            order by not declared, started_at nulls last, path
        ) as original
    from asked
    join alike using (ttft_ms, decode_ms, end_to_end_ms, server_decode_ms)
    join known using (run_id)
),
processors as (
    select rig, cpu, count(*) as n, min(started_at) as since
    from known
    group by rig, cpu
),
usual as (
    select rig, first(cpu order by n desc, since nulls last, cpu) as cpu
    from processors
    group by rig
)
select
    run_id,
    'its requests are those of run ' || min(original) as doubt
from copies
where run_id <> original
group by run_id
union all
select
    run_id,
    'it names the processor ' || known.cpu || ', other runs of this rig ' || usual.cpu as doubt
from known
join usual using (rig)
where known.cpu <> usual.cpu;
