# Commands for work on this repository. Users of the template do not need them.

PYTHON ?= python3
export PYTHONDONTWRITEBYTECODE = 1
bin = .venv/bin
parallel = --numprocesses 2 --dist loadgroup

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: .venv/demo.txt ## generate a project, serve it and show its page; Ctrl-C stops it
	@$(bin)/python demo.py

test: .venv/test.txt ## run tests/unit, template and served, with the installed Apache or the bundled one
	$(bin)/python -m pytest $(parallel)

# Left out are tests to which every Apache is the same, and the attacks, whose projects have the installed one in any
# case. Three of them stay: the bundled Apache is in an environment that they replace, or in that of another release.
same_with_any = test_accessibility or test_attacks or test_dump or test_fixture or test_packages or test_releases
of_these = test_nothing_of_apache_leads_through_the_link or test_the_guide or test_releases_that_share_nothing

test-bundled: .venv/test.txt ## run the tests of tests/served that depend on Apache with the bundled one
	$(bin)/python -m pytest $(parallel) --apache bundled -k "not ($(same_with_any)) or $(of_these)" tests/served

test-embedded: .venv/test.txt ## run the tests that depend on Apache in embedded mode
	$(bin)/python -m pytest $(parallel) --mode embedded tests/served

test-apps: .venv/test.txt ## test real applications from the package index, and the benchmarks
	$(bin)/python -m pytest $(parallel) tests/apps

test-deploy: .venv/test.txt ## test deploy/ for real: systemd, HTTPS, containers; as root, up to 15 minutes
	$(bin)/python -m pytest $(parallel) tests/deploy

test-fast: .venv/test.txt ## run the quick tests, which set up no project and start no Apache
	$(bin)/python -m pytest $(parallel) -m "not slow" tests/unit tests/template

lint: .venv/test.txt ## check format, style, types and layers
	$(bin)/python -m pytest tests/unit/test_lint.py

# Without requirements/deploy: checkov, which checks deploy/, needs ecdsa, whose CVE-2024-23342 will not be mended.
audit: .venv/tools.txt ## look for known vulnerabilities in the workflows and in all pinned packages
	$(bin)/zizmor --offline .github {{*
	@for list in requirements/*.txt benchmarks/requirements.txt src/flask_modwsgi/setup/pins/*.txt {{*/requirements*.txt; do \
	  echo $$list; $(bin)/pip-audit --strict --require-hashes --disable-pip --requirement "$$list" || exit 1; done

actionlint: .venv/actionlint.txt ## check the workflows
	$(bin)/actionlint

upgrade: .venv/test.txt ## pin the newest releases of all packages, to run the tests with them
	$(bin)/python requirements/upgrade.py

pre-commit: .venv/tools.txt ## let git run `make lint` before each commit
	$(bin)/pre-commit install

# Every user may write to the folder of the data, because some tests change their user.
coverage: .venv/test.txt ## run the same tests, and show which lines of src/ they execute
	@folder=$$(mktemp -d) && chmod 1777 $$folder && export COVERAGE_FILE=$$folder/data; \
	$(bin)/python -m coverage run -m pytest $(parallel) $(TESTS); status=$$?; \
	$(bin)/python -m coverage combine --quiet && $(bin)/python -m coverage report; \
	rm -r $$folder; exit $$status

wheel: ## build the package: dist/flask_modwsgi-VERSION-py3-none-any.whl
	@mkdir -p dist && rm -f dist/flask_modwsgi-*.whl && $(PYTHON) -c 'from build_wheel import build_wheel; print("dist/" + build_wheel("dist"))'

dist: .venv/test.txt ## build the package as it is published: the wheel and the source archive
	$(bin)/python -m build --no-isolation --outdir dist .

release: lint docs ## check that the last commit can be released, and say how
	$(bin)/python -m pytest $(parallel) tests/template/test_wheel.py tests/unit/test_documentation.py
	@$(bin)/python release.py

tables: ## write .env.example and the pages that are made from the code
	$(PYTHON) docs/env_example.py
	$(PYTHON) docs/troubleshooting.py
	$(PYTHON) docs/reference.py

docs: tables .venv/docs.txt ## build the documentation site, docs/_build/html/index.html; warnings are errors
	$(bin)/python -m sphinx --fail-on-warning --keep-going --fresh-env --quiet --builder dirhtml docs docs/_build/html

links: .venv/docs.txt ## look for dead links from the documentation to other sites
	$(bin)/python -m sphinx --keep-going --fresh-env --quiet --builder linkcheck docs docs/_build/links

pictures: .venv/test.txt ## make the pictures of README from a real run; needs an installed Apache and Chromium
	$(bin)/python docs/recording.py

bench: .venv/test.txt ## compare it with nginx + gunicorn and others; needs wrk, h2load and a quiet machine
	$(bin)/python -m benchmarks $(CONTENDERS)

clean: ## remove everything that the other targets make, except .venv
	rm -rf dist docs/_build benchmarks/results requirements/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name .venv -prune -o -name __pycache__ -prune -exec rm -r {} +

axe: requirements/node_modules ## install axe-core, with which the tests check that pages are accessible; needs npm

requirements/node_modules: requirements/package-lock.json
	npm ci --prefix requirements --ignore-scripts --no-audit --no-fund
	@touch $@

# The environment with the packages of requirements/<name>.txt; the copy of the list is the stamp.
.venv/%.txt: requirements/%.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; name one: make $* PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@test -x $(bin)/python || $(PYTHON) -m venv .venv
	@$(bin)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@cp $< $@

.PHONY: actionlint axe help demo test test-bundled test-embedded test-apps test-deploy test-fast lint audit upgrade pre-commit clean coverage wheel dist release tables docs links pictures bench
