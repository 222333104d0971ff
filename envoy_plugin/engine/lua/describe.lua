-- id, version, how many fields are set, (field, bytes)*, how many are dropped, field*, how many tags are added, tag*, tag*: those
-- that are taken away. What the layer above keeps with a job for as long as the job, and by what it finds it.
function V.describe(id, version, ...)
  local job, why, state = admit(FROM.describe, id, '', nil, version)
  if not job then return nil, why, state end
  local words, at = {...}, 1
  local function next_words(width)
    local first = at + 1
    at = first + width * words[at]
    return first, at - 1
  end
  mark(job, 'm')
  local first, last = next_words(2)
  if last > first then later('HSET', key('described:', job), unpack(words, first, last)) end
  first, last = next_words(1)
  if last >= first then later('HDEL', key('described:', job), unpack(words, first, last)) end
  first, last = next_words(1)
  if last >= first then job.tagged = rawget(job, 'tagged') or {} end   -- by this call, which may forget it, too
  for i = first, last do
    job.tagged[words[i]] = true
    later('ZADD', P .. 'tag:' .. words[i], 0, id)
    later('SADD', key('tags:', job), words[i])
  end
  for i = at, #words do
    later('ZREM', P .. 'tag:' .. words[i], id)
    later('SREM', key('tags:', job), words[i])
  end
  if job.described > 0 then
    later('HDEL', key('job:', job), job.described)
    put(job, 'replaced', job.replaced + 1)
  end
  put(job, 'described', job.version + 1)
  move(job, job.state, 'described')
  return job.version
end
