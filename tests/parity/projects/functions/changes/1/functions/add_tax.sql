select price * (1 + rate) + 1
