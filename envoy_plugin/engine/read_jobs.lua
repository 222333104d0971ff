-- KEYS: jobs, then their payloads, as many or none -> of each job what tells of its latest attempt, or nil; then the payloads.
-- ARGV[1]: how many jobs. One answer instead of many: each costs its reader more than the script.
local answers, jobs = {}, tonumber(ARGV[1])
for i = 1, jobs do
  local facts = redis.call('HMGET', KEYS[i], 'state', 'queue', 'kind', 'attempt', 'claim', 'more', 'reason', 'left', 'created', 'started', 'version')
  local version = facts[11]
  -- the row of the last transition, `event state at …`, has the job's version as its name
  if version then facts[11] = redis.call('HGET', KEYS[i], version):match('^%S+ %S+ (%d+)') end
  answers[i] = version and facts
end
answers[jobs + 1] = KEYS[jobs + 1] and redis.call('MGET', unpack(KEYS, jobs + 1)) or {}
return answers
