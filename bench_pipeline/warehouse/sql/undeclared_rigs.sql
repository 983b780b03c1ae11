-- A rig that only run files name is shown all the same, under its slug.
delete from rigs where not declared and rig not in (select rig from runs);

insert into rigs by name
select distinct
    rig,
    rig as title,
    'other' as kind,
    '' as notes,
    false as declared,
    '{}' as backends_json
from runs
where rig not in (select rig from rigs);
