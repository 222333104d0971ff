-- Bytes that a verb keeps. Joined to those that do.
local function keep_blob(job, name, bytes)
  if not bytes or bytes == '' then return end
  mark(job, 'b')
  later('HSET', key('blobs:', job), name, bytes)
end
-- A stored blob has an hour to live until a verb keeps it. '' names none.
local function is_lost(ref) return ref and ref ~= '' and call('EXISTS', P .. 'blob:' .. ref) == 0 end
local function drop_ref(job, name)
  local old = rare.refs(job)[name]
  if not old then return end
  gone[#gone + 1] = P .. 'blob:' .. old
  rare.refs(job)[name] = nil
  later('HDEL', key('refs:', job), name)
end
local function keep_ref(job, name, ref)
  if not ref or ref == '' or rare.refs(job)[name] == ref then return end
  drop_ref(job, name)
  rare.refs(job)[name] = ref
  mark(job, 'k')
  later('HSET', key('refs:', job), name, ref)
  later('PERSIST', P .. 'blob:' .. ref)
end
