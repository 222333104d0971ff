-- limit -> how many were looked at: what is due becomes available
function V.promote(limit) return promote_due(limit) end
