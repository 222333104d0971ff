-- KEYS: jobs, then their payloads, as many or none -> the facts of each job, a list of names and values; then the payloads.
-- ARGV[1]: how many jobs. One answer instead of many: each costs its reader more than the script.
local answers, jobs = {}, tonumber(ARGV[1])
for i = 1, jobs do answers[i] = redis.call('HGETALL', KEYS[i]) end
answers[jobs + 1] = KEYS[jobs + 1] and redis.call('MGET', unpack(KEYS, jobs + 1)) or {}
return answers
