-- The one home of the rule which measurement of a cell is shown where several runs hold it:
-- full before quick, then the newest. Never a cell that failed, spilled into other memory, or
-- whose two clocks disagree.
create or replace view chosen_cells as
select
    m.*,
    r.gpu_memory_mib
from measurements m
join runs r using (run_id)
where m.status = 'ok'
    and m.decode_tok_s is not null
    and m.memory_verdict is distinct from 'spilled'
    and m.clocks_agree is distinct from false
qualify row_number() over (
    partition by
        m.model, m.rig, m.backend, m.engine, m.build, m.mode, m.power_cap_w,
        m.concurrency, m.provenance, m.workload
    order by
        m.profile is not distinct from 'full' desc,
        m.started_at desc nulls last,
        m.run_id
) = 1;
