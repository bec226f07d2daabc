-- A function for each message.
reply {
  function (message)
    return "Good talking to " .. message.text:sub(9, 11)
  end,
}
