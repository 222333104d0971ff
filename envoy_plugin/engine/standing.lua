-- KEYS[1]: the namespace, '{prefix}:'. ARGV: a job's id, or '' and the unique key that it holds; '1' where its payload is wanted.
-- Answers its id, its facts, when it expires, what was said of its latest attempt, its payload, the time. Nothing: there is none.
local P, id, unique, wants_payload = KEYS[1], ARGV[1], ARGV[2], ARGV[3] == '1'
if id == '' then id = redis.call('GET', P .. 'unique:' .. unique) end
local job = id and P .. 'job:' .. id
if not job or redis.call('EXISTS', job) == 0 then return false end
local attempt = redis.call('HGET', job, 'attempt') or '1'
return {
  id,
  redis.call('HGETALL', job),
  redis.call('ZSCORE', P .. 'running', id),
  redis.call('HGET', P .. 'blobs:' .. id, 'details:' .. attempt),
  wants_payload and redis.call('GET', P .. 'payload:' .. id),
  redis.call('TIME'),
}
