naïve = "Größe <script>alert('1')</script> & \"𝄞\""
if naïve == "ü" and len(naïve) > 2: print("日本語 ]]>")
