-- One row per row of the page's table: the decode rate's range over the workloads.
-- What describes the rig and the file comes from the newest of the runs behind the row. One
-- provisional cell makes the whole range so, and a flag of one cell is a flag of its range.
create view found_speed_ranges as
select
    any_value(family) as family,
    any_value(variant) as variant,
    any_value(quant) as quant,
    rig,
    engine,
    build,
    backend,
    mode,
    concurrency,
    min(decode_tok_s) as decode_tok_s_min,
    max(decode_tok_s) as decode_tok_s_max,
    count(*)::integer as n_workloads,
    provenance,
    power_cap_w,
    model,
    first(creator order by started_at desc nulls last, run_id) as creator,
    first(released order by started_at desc nulls last, run_id) as released,
    first(gpu order by started_at desc nulls last, run_id) as gpu,
    first(gpu_memory_mib order by started_at desc nulls last, run_id) as gpu_memory_mib,
    first(driver order by started_at desc nulls last, run_id) as driver,
    case when bool_or(profile = 'quick') then 'quick' else any_value(profile) end as profile,
    list(distinct run_id order by run_id) as run_ids,
    bool_or(provisional) as provisional,
    list_sort(list_distinct(flatten(list(flags)))) as flags
from chosen_cells
group by model, rig, backend, engine, build, mode, power_cap_w, concurrency, provenance;
