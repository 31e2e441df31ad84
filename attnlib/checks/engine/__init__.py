"""How an answer is run, compared, recognised, shown and remembered; what all chapters share."""
