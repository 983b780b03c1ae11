-- The one home of the rule which measurement of a cell is shown where several runs hold it:
-- full and on a quiet host before provisional ones, undisturbed before flagged, then the newest.
-- Never a cell that failed or spilled into other memory, whose two clocks disagree, or whose
-- tokens the client could not take as fast as they came.
--
-- A run on a host that stayed busy is as provisional as a quick one: its number may be low by
-- what the others took, which no interval shows. Throttling and drift are flags: the machine
-- was so at that time, the figure is what it gave. A run's drift does not decide here: older
-- run files were not checked for it, and not to have looked is no merit.
create or replace view chosen_cells as
select
    m.*,
    r.gpu_memory_mib,
    m.profile is not distinct from 'quick' or m.quiet is not distinct from false as provisional
from measurements m
join runs r using (run_id)
where m.status = 'ok'
    and m.decode_tok_s is not null
    and m.memory_verdict is distinct from 'spilled'
    and m.clocks_agree is distinct from false
    and m.delivered_on_time is distinct from false
qualify row_number() over (
    partition by
        m.model, m.rig, m.backend, m.engine, m.build, m.mode, m.power_cap_w,
        m.concurrency, m.provenance, m.workload
    order by
        provisional,
        m.profile is not distinct from 'full' desc,
        len(list_filter(m.flags, lambda flag: flag <> 'drifted')) = 0 desc,
        m.started_at desc nulls last,
        m.run_id
) = 1;
