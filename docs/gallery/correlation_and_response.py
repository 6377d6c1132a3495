# %% [markdown]
# # Correlation and response
#
# How a network remembers its own state, and how long it answers a push: theory over networks.
#
# On the left the autocorrelation $\langle x(t)x(t+\tau)\rangle$, on the right the response of a neuron's rate to a
# short push of the same neuron, a time $\tau$ ago, on average. Couplings that point both ways ($\eta>0$) send a push
# back, so the response lasts. Lines: infinitely many linear neurons with noise $\sigma=1$ at $g=0.5$, in closed form;
# points: networks of 200, with standard errors. {doc}`../stationary` says how this is solved, and for other rates.

# %%
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

lags = np.linspace(0, 5, 41)
figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.3))
for index, symmetry in enumerate((-0.8, 0.0, 0.8)):
    model = qd.RandomNetwork(gain=0.5, symmetry=symmetry, noise=1.0, activation=qd.Linear())
    theory = qd.solve(model, qd.dmft.Stationary(lags=lags))
    measured = qd.observables.measure_response(model, longest_lag=5, step=0.05, size=200, networks=16, key=index)
    some = measured.isel(lag=slice(None, None, 10))
    look = {"color": f"C{index}", "linestyle": ("-", "--", "-.")[index]}
    for axes, name in ((left, "state_correlation"), (right, "response")):
        axes.plot(lags, theory[name], label=rf"theory, $\eta={symmetry}$", **look)
        axes.errorbar(some.lag, some[name], some[f"{name}_error"], fmt="os^"[index], color=look["color"], markersize=3)
left.set(xlabel=r"lag $\tau$ (leak times)", ylabel=r"autocorrelation $\langle x(t)x(t+\tau)\rangle$")
right.set(xlabel=r"lag $\tau$ (leak times)", ylabel=r"response $R(\tau)$ (1/leak time)")
right.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
plt.show()
