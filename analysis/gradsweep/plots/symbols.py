"""The quantities of the report as HTML."""

NORM = "‖<i>J</i><sub>ℓ</sub>‖<sub>2</sub>"
LOG_NORM = f"ln{NORM}"
NORM_OF_W = "‖<i>W</i>‖<sub>2</sub>"
RADIUS = "<i>ρ</i>(<i>W</i>)"
GAMMA_RADIUS = f"<i>γ</i> {RADIUS}"
GAMMA_NORM = f"<i>γ</i> {NORM_OF_W}"
W = "<i>W</i>"
