-- KEYS[1]: the namespace, '{prefix}:'. ARGV: lines of jobs that are known, 'id version id version …'. Answers the numbers of those
-- lines, from 1, in which a job has another version; that of a job that there isn't is 0.
local jobs, changed = KEYS[1] .. 'job:', {}
for number, line in ipairs(ARGV) do
  for id, version in line:gmatch('(%S+) (%S+)') do
    if (redis.call('HGET', jobs .. id, 'version') or '0') ~= version then
      changed[#changed + 1] = number
      break
    end
  end
end
return changed
