-- The cells whose figures may be shown: never one that failed or spilled into other memory, whose
-- two clocks disagree, or whose tokens the client could not take as fast as they came.
--
-- A run on a host that stayed busy is as provisional as a quick one: its number may be low by
-- what the others took, which no interval shows. So is a session that ended before it had as many
-- repetitions as profile full makes at least.
create view sound_cells as
select
    m.*,
    r.gpu_memory_mib,
    m.profile is not distinct from 'quick'
    or m.quiet is not distinct from false
    or (m.provenance = 'measured' and m.n < 5) as provisional
from measurements m
join runs r using (run_id)
where m.status = 'ok'
    and m.decode_tok_s is not null
    and m.memory_verdict is distinct from 'spilled'
    and m.clocks_agree is distinct from false
    and m.delivered_on_time is distinct from false;
