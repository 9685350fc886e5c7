"""How good a rule set is: replayed over scenarios and recordings, judged, swept, compared and explained."""
