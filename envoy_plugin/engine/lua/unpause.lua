-- queue -> whether that is news
function V.unpause(queue)
  local name, was = P .. 'paused:' .. queue, paused[queue]
  if was == nil then was = call('EXISTS', name) == 1 end
  if not was then return 0 end
  paused[queue], woken[queue] = false, true
  later('DEL', name)
  return 1
end
