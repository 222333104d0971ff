-- queue, why -> whether that is news
function V.pause(queue, why)
  paused[queue] = true
  later('SET', P .. 'paused:' .. queue, why)
  return 1 - call('EXISTS', P .. 'paused:' .. queue)
end
