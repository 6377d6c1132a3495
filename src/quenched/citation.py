"""The papers behind what a run used, as BibTeX."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from quenched.words import shown

BIBTEX: dict[str, str] = {
    "poole2016": """@inproceedings{poole2016,
  author    = {Poole, Ben and Lahiri, Subhaneil and Raghu, Maithra and Sohl-Dickstein, Jascha and Ganguli, Surya},
  title     = {Exponential expressivity in deep neural networks through transient chaos},
  booktitle = {Advances in Neural Information Processing Systems},
  volume    = {29},
  year      = {2016}
}""",
    "schoenholz2017": """@inproceedings{schoenholz2017,
  author    = {Schoenholz, Samuel S. and Gilmer, Justin and Ganguli, Surya and Sohl-Dickstein, Jascha},
  title     = {Deep Information Propagation},
  booktitle = {International Conference on Learning Representations},
  year      = {2017}
}""",
    "yang2017": """@inproceedings{yang2017,
  author    = {Yang, Greg and Schoenholz, Samuel S.},
  title     = {Mean Field Residual Networks: On the Edge of Chaos},
  booktitle = {Advances in Neural Information Processing Systems},
  volume    = {30},
  year      = {2017}
}""",
    "hayou2019": """@inproceedings{hayou2019,
  author    = {Hayou, Soufiane and Doucet, Arnaud and Rousseau, Judith},
  title     = {On the Impact of the Activation Function on Deep Neural Networks Training},
  booktitle = {International Conference on Machine Learning},
  year      = {2019}
}""",
    "hanin2020": """@article{hanin2020,
  author  = {Hanin, Boris and Nica, Mihai},
  title   = {Products of Many Large Random Matrices and Gradients in Deep Neural Networks},
  journal = {Communications in Mathematical Physics},
  volume  = {376},
  pages   = {287--322},
  year    = {2020}
}""",
    "chow1978": """@article{chow1978,
  author  = {Chow, Shui Nee and Mallet-Paret, John and Yorke, James A.},
  title   = {Finding Zeroes of Maps: Homotopy Methods That Are Constructive With Probability One},
  journal = {Mathematics of Computation},
  volume  = {32},
  number  = {143},
  pages   = {887--899},
  year    = {1978}
}""",
    "golub2018": """@article{golub2018,
  author  = {Golub, Matthew D. and Sussillo, David},
  title   = {{FixedPointFinder}: A Tensorflow toolbox for identifying and characterizing fixed points in recurrent neural networks},
  journal = {Journal of Open Source Software},
  volume  = {3},
  number  = {31},
  pages   = {1003},
  year    = {2018}
}""",
    "wainrib2013": """@article{wainrib2013,
  author  = {Wainrib, Gilles and Touboul, Jonathan},
  title   = {Topological and Dynamical Complexity of Random Neural Networks},
  journal = {Physical Review Letters},
  volume  = {110},
  pages   = {118101},
  year    = {2013}
}""",
    "yamashita2001": """@incollection{yamashita2001,
  author    = {Yamashita, N. and Fukushima, M.},
  title     = {On the Rate of Convergence of the {Levenberg--Marquardt} Method},
  booktitle = {Topics in Numerical Analysis},
  series    = {Computing Supplementa},
  volume    = {15},
  publisher = {Springer},
  pages     = {239--249},
  year      = {2001}
}""",
    "dembo1983": """@article{dembo1983,
  author  = {Dembo, Ron S. and Steihaug, Trond},
  title   = {Truncated-{Newton} algorithms for large-scale unconstrained optimization},
  journal = {Mathematical Programming},
  volume  = {26},
  pages   = {190--212},
  year    = {1983}
}""",
    "lehoucq1998": """@book{lehoucq1998,
  author    = {Lehoucq, R. B. and Sorensen, D. C. and Yang, C.},
  title     = {{ARPACK} Users' Guide: Solution of Large-Scale Eigenvalue Problems with Implicitly Restarted {Arnoldi} Methods},
  publisher = {Society for Industrial and Applied Mathematics},
  year      = {1998}
}""",
    "keller1977": """@incollection{keller1977,
  author    = {Keller, Herbert B.},
  title     = {Numerical Solution of Bifurcation and Nonlinear Eigenvalue Problems},
  booktitle = {Applications of Bifurcation Theory},
  editor    = {Rabinowitz, Paul H.},
  publisher = {Academic Press},
  pages     = {359--384},
  year      = {1977}
}""",
    "scharfetter1969": """@article{scharfetter1969,
  author  = {Scharfetter, D. L. and Gummel, H. K.},
  title   = {Large-signal analysis of a silicon {Read} diode oscillator},
  journal = {IEEE Transactions on Electron Devices},
  volume  = {16},
  number  = {1},
  pages   = {64--77},
  year    = {1969}
}""",
    "eissfeller1992": """@article{eissfeller1992,
  author  = {Eissfeller, H. and Opper, M.},
  title   = {New method for studying the dynamics of disordered spin systems without finite-size effects},
  journal = {Physical Review Letters},
  volume  = {68},
  number  = {13},
  pages   = {2094--2097},
  year    = {1992}
}""",
    "rajan2010": """@article{rajan2010,
  author  = {Rajan, Kanaka and Abbott, L. F. and Sompolinsky, Haim},
  title   = {Stimulus-dependent suppression of chaos in recurrent neural networks},
  journal = {Physical Review E},
  volume  = {82},
  pages   = {011903},
  year    = {2010}
}""",
    "stern2014": """@article{stern2014,
  author  = {Stern, Merav and Sompolinsky, Haim and Abbott, L. F.},
  title   = {Dynamics of random neural networks with bistable units},
  journal = {Physical Review E},
  volume  = {90},
  pages   = {062710},
  year    = {2014}
}""",
    "kadmon2015": """@article{kadmon2015,
  author  = {Kadmon, Jonathan and Sompolinsky, Haim},
  title   = {Transition to Chaos in Random Neuronal Networks},
  journal = {Physical Review X},
  volume  = {5},
  pages   = {041030},
  year    = {2015}
}""",
    "mastrogiuseppe2018": """@article{mastrogiuseppe2018,
  author  = {Mastrogiuseppe, Francesca and Ostojic, Srdjan},
  title   = {Linking Connectivity, Dynamics, and Computations in Low-Rank Recurrent Neural Networks},
  journal = {Neuron},
  volume  = {99},
  pages   = {609--623},
  year    = {2018}
}""",
    "marti2018": """@article{marti2018,
  author  = {Mart{\\'i}, Daniel and Brunel, Nicolas and Ostojic, Srdjan},
  title   = {Correlations between synapses in pairs of neurons slow down dynamics in randomly connected neural networks},
  journal = {Physical Review E},
  volume  = {97},
  pages   = {062314},
  year    = {2018}
}""",
    "crisanti2018": """@article{crisanti2018,
  author  = {Crisanti, A. and Sompolinsky, H.},
  title   = {Path integral approach to random neural networks},
  journal = {Physical Review E},
  volume  = {98},
  pages   = {062120},
  year    = {2018}
}""",
    "bunin2017": """@article{bunin2017,
  author  = {Bunin, Guy},
  title   = {Ecological communities with {Lotka-Volterra} dynamics},
  journal = {Physical Review E},
  volume  = {95},
  pages   = {042414},
  year    = {2017}
}""",
    "muscinelli2019": """@article{muscinelli2019,
  author  = {Muscinelli, Samuel P. and Gerstner, Wulfram and Schwalger, Tilo},
  title   = {How single neuron properties shape chaotic dynamics and signal transmission in random neural networks},
  journal = {PLoS Computational Biology},
  volume  = {15},
  number  = {6},
  pages   = {e1007122},
  year    = {2019}
}""",
    "molgedey1992": """@article{molgedey1992,
  author  = {Molgedey, L. and Schuchhardt, J. and Schuster, H. G.},
  title   = {Suppressing chaos in neural networks by noise},
  journal = {Physical Review Letters},
  volume  = {69},
  pages   = {3717--3719},
  year    = {1992}
}""",
    "helias2020": """@book{helias2020,
  author    = {Helias, Moritz and Dahmen, David},
  title     = {Statistical Field Theory for Neural Networks},
  series    = {Lecture Notes in Physics},
  volume    = {970},
  publisher = {Springer},
  year      = {2020}
}""",
    "clark2023": """@article{clark2023,
  author  = {Clark, David G. and Abbott, L. F. and Litwin-Kumar, Ashok},
  title   = {Dimension of Activity in Random Neural Networks},
  journal = {Physical Review Letters},
  volume  = {131},
  pages   = {118401},
  year    = {2023}
}""",
    "zou2024": """@article{zou2024,
  author  = {Zou, Wenxuan and Huang, Haiping},
  title   = {Introduction to dynamical mean-field theory of randomly connected neural networks with bidirectionally correlated couplings},
  journal = {SciPost Physics Lecture Notes},
  number  = {79},
  year    = {2024},
  eprint  = {2305.08459}
}""",
    "qiu2025": """@article{qiu2025,
  author  = {Qiu, Junbin and Huang, Haiping},
  title   = {An optimization-based equilibrium measure describing fixed points of non-equilibrium dynamics: application to the edge of chaos},
  journal = {Communications in Theoretical Physics},
  volume  = {77},
  number  = {3},
  pages   = {035601},
  year    = {2025},
  eprint  = {2401.10009}
}""",
    "parisi1980": """@article{parisi1980,
  author  = {Parisi, G.},
  title   = {A sequence of approximated solutions to the {S-K} model for spin glasses},
  journal = {Journal of Physics A: Mathematical and General},
  volume  = {13},
  number  = {4},
  pages   = {L115--L121},
  year    = {1980}
}""",
    "almeida1978": """@article{almeida1978,
  author  = {de Almeida, J. R. L. and Thouless, D. J.},
  title   = {Stability of the {Sherrington-Kirkpatrick} solution of a spin glass model},
  journal = {Journal of Physics A: Mathematical and General},
  volume  = {11},
  number  = {5},
  pages   = {983--990},
  year    = {1978}
}""",
    "sompolinsky1988": """@article{sompolinsky1988,
  author  = {Sompolinsky, H. and Crisanti, A. and Sommers, H. J.},
  title   = {Chaos in Random Neural Networks},
  journal = {Physical Review Letters},
  volume  = {61},
  number  = {3},
  pages   = {259--262},
  year    = {1988}
}""",
    "schuecker2018": """@article{schuecker2018,
  author  = {Schuecker, Jannis and Goedeke, Sven and Helias, Moritz},
  title   = {Optimal Sequence Memory in Driven Random Networks},
  journal = {Physical Review X},
  volume  = {8},
  number  = {4},
  pages   = {041029},
  year    = {2018}
}""",
    "sommers1988": """@article{sommers1988,
  author  = {Sommers, H. J. and Crisanti, A. and Sompolinsky, H. and Stein, Y.},
  title   = {Spectrum of Large Random Asymmetric Matrices},
  journal = {Physical Review Letters},
  volume  = {60},
  number  = {19},
  pages   = {1895--1898},
  year    = {1988}
}""",
    "ahmadian2015": """@article{ahmadian2015,
  author  = {Ahmadian, Yashar and Fumarola, Francesco and Miller, Kenneth D.},
  title   = {Properties of Networks with Partially Structured and Partially Random Connectivity},
  journal = {Physical Review E},
  volume  = {91},
  number  = {1},
  pages   = {012820},
  year    = {2015}
}""",
    "tao2013": """@article{tao2013,
  author  = {Tao, Terence},
  title   = {Outliers in the Spectrum of iid Matrices with Bounded Rank Perturbations},
  journal = {Probability Theory and Related Fields},
  volume  = {155},
  number  = {1},
  pages   = {231--263},
  year    = {2013}
}""",
    "orourke2014": """@article{orourke2014,
  author  = {O'Rourke, Sean and Renfrew, David},
  title   = {Low Rank Perturbations of Large Elliptic Random Matrices},
  journal = {Electronic Journal of Probability},
  volume  = {19},
  pages   = {1--65},
  year    = {2014}
}""",
    "sussillo2013": """@article{sussillo2013,
  author  = {Sussillo, David and Barak, Omri},
  title   = {Opening the Black Box: Low-Dimensional Dynamics in High-Dimensional Recurrent Neural Networks},
  journal = {Neural Computation},
  volume  = {25},
  number  = {3},
  pages   = {626--649},
  year    = {2013}
}""",
    "benettin1980": """@article{benettin1980,
  author  = {Benettin, Giancarlo and Galgani, Luigi and Giorgilli, Antonio and Strelcyn, Jean-Marie},
  title   = {Lyapunov Characteristic Exponents for Smooth Dynamical Systems and for Hamiltonian Systems; a Method for Computing All of Them},
  journal = {Meccanica},
  volume  = {15},
  number  = {1},
  pages   = {9--30},
  year    = {1980}
}""",
    "kaplan1979": """@incollection{kaplan1979,
  author    = {Kaplan, James L. and Yorke, James A.},
  title     = {Chaotic Behavior of Multidimensional Difference Equations},
  booktitle = {Functional Differential Equations and Approximation of Fixed Points},
  series    = {Lecture Notes in Mathematics},
  volume    = {730},
  pages     = {204--227},
  publisher = {Springer},
  year      = {1979}
}""",
    "engelken2023": """@article{engelken2023,
  author  = {Engelken, Rainer and Wolf, Fred and Abbott, L. F.},
  title   = {Lyapunov Spectra of Chaotic Recurrent Neural Networks},
  journal = {Physical Review Research},
  volume  = {5},
  number  = {4},
  pages   = {043044},
  year    = {2023},
  eprint  = {2006.02427}
}""",
    "geyer1992": """@article{geyer1992,
  author  = {Geyer, Charles J.},
  title   = {Practical {Markov} Chain {Monte Carlo}},
  journal = {Statistical Science},
  volume  = {7},
  number  = {4},
  pages   = {473--483},
  year    = {1992}
}""",
    "roy2019": """@article{roy2019,
  author  = {Roy, Felix and Biroli, Giulio and Bunin, Guy and Cammarota, Chiara},
  title   = {Numerical Implementation of Dynamical Mean Field Theory for Disordered Systems: Application to the {Lotka-Volterra} Model of Ecosystems},
  journal = {Journal of Physics A: Mathematical and Theoretical},
  volume  = {52},
  number  = {48},
  pages   = {484001},
  year    = {2019},
  eprint  = {1901.10036}
}""",
    "cugliandolo1997": """@article{cugliandolo1997,
  author  = {Cugliandolo, Leticia F. and Kurchan, Jorge and Peliti, Luca},
  title   = {Energy flow, partial equilibration, and effective temperatures in systems with slow dynamics},
  journal = {Physical Review E},
  volume  = {55},
  number  = {4},
  pages   = {3898--3914},
  year    = {1997}
}""",
    "hutchinson1990": """@article{hutchinson1990,
  author  = {Hutchinson, M. F.},
  title   = {A stochastic estimator of the trace of the influence matrix for {Laplacian} smoothing splines},
  journal = {Communications in Statistics - Simulation and Computation},
  volume  = {19},
  number  = {2},
  pages   = {433--450},
  year    = {1990}
}""",
    "jax2018": """@software{jax2018,
  author = {Bradbury, James and Frostig, Roy and Hawkins, Peter and Johnson, Matthew James and Leary, Chris and others},
  title  = {{JAX}: composable transformations of {Python}+{NumPy} programs},
  year   = {2018}
}""",
}


def bibtex(keys: Iterable[str]) -> str:
    """The BibTeX entries of the given keys, each once, in the order of BIBTEX."""
    wanted = set(keys)
    unknown = wanted - BIBTEX.keys()
    if unknown:
        raise KeyError(f"No reference is known by the key {sorted(unknown)[0]!r}; known: {', '.join(BIBTEX)}.")
    return "\n\n".join(text for key, text in BIBTEX.items() if key in wanted)


def cite(*things: Any) -> str:
    """BibTeX of the papers behind solutions, theories, sweeps, or everything.

    Arguments:
        things: solutions, models, theories or experiments (instances or classes), the datasets of solutions, sweeps, fixed points
            and the like, DataTrees of `qd.sweeps.run_file`, or keys of `quenched.citation.BIBTEX`; everything known if left
            out.

    Returns:
        The entries, each once, with an empty line between them.

    Raises:
        TypeError: something that carries no references.
        KeyError: an unknown key.

    Example:
        >>> import quenched as qd
        >>> print(qd.cite(qd.replica.ZeroTemperature()).splitlines()[0])
        @article{qiu2025,
    """
    return bibtex([key for thing in things for key in _keys(thing)] if things else BIBTEX)


def _keys(thing: Any) -> list[str]:
    if isinstance(thing, str):
        return [thing]
    if hasattr(thing, "theory") and hasattr(thing.theory, "citations"):
        return [*dict.fromkeys((*thing.theory.citations, *getattr(thing.model, "citations", ())))]
    if hasattr(thing, "citations") and not hasattr(thing, "attrs"):
        return [*thing.citations]
    if hasattr(thing, "children") and thing.children:
        return [key for child in thing.children.values() for key in _keys(child)]
    found = stored_keys(getattr(thing, "attrs", {}))
    if not found:
        raise TypeError(f"Only results, theories and BibTeX keys carry references, but this is {shown(thing)}.")
    return found


def stored_keys(attributes: Mapping[Any, Any]) -> list[str]:
    """Those that a dataset has in its attributes, or those of its theory."""
    if "citations" in attributes:
        return str(attributes["citations"]).split()
    from quenched.sweeps.registry import THEORIES, theories

    theory = attributes.get("theory")
    return [*theories()[theory].citations] if theory in THEORIES else []
