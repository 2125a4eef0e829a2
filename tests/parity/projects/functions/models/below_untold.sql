select {{ function('untold') }}() as one
