-- queue, why -> whether that is news
function V.pause(queue, why)
  local name, was = P .. 'paused:' .. queue, paused[queue]
  if was == nil then was = call('EXISTS', name) == 1 end
  paused[queue] = true
  later('SET', name, why)
  return was and 0 or 1
end
