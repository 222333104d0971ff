-- KEYS: records. For each four ARGV: 'take' or 'settle'; the marker; the answer to keep ('' none); for how long in ms.
-- Answers 1 for each that was changed as asked, else 0.
local function take(key, marker, _, ms)
  return redis.call('SET', key, marker, 'NX', 'PX', ms) or redis.call('GET', key) == marker
end

local function settle(key, marker, kept, ms)
  if redis.call('GET', key) ~= marker then return false end
  if kept == '' then return redis.call('DEL', key) end
  return redis.call('SET', key, kept, 'PX', ms)
end

local changes = {take = take, settle = settle}
local changed = {}
for i, key in ipairs(KEYS) do
  local verb, marker, kept, ms = unpack(ARGV, 4 * i - 3, 4 * i)
  changed[i] = changes[verb](key, marker, kept, ms) and 1 or 0
end
return changed
