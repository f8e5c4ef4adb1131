return typeof env.OPENAI_KEY
