# The browser's libraries come from npm, whose programs production does not need.
FROM node:22-slim AS libraries
WORKDIR /chef
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1 \
    DATABASE_URL=sqlite:////data/chef.db
# /data is for a volume, where SQLite is used: a new volume takes its owner from here.
RUN useradd --system --uid 10001 --no-create-home chef && mkdir /data && chown chef:chef /data
WORKDIR /chef
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY --from=libraries /chef/node_modules node_modules
COPY app.py ./
COPY chef chef
COPY client client
COPY static static
COPY templates templates
RUN python -m compileall -q app.py chef
USER 10001
EXPOSE 3001
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python", "-c", "import http.client, os, sys; server = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('PORT') or 3001), timeout=4); server.request('GET', '/health'); sys.exit(server.getresponse().status != 200)"]
CMD ["python", "app.py"]
