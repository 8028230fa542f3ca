FROM node:lts-slim AS development

ENV CI=true \
    WATCHPACK_POLLING="true" \
    npm_config_update_notifier=false
ENV PORT=3000

WORKDIR /code
COPY package.json /code/package.json
COPY package-lock.json /code/package-lock.json
RUN npm ci
COPY . /code

CMD [ "npm", "start" ]

FROM development AS build
RUN ["npm", "run", "build"]

FROM nginx:alpine
COPY --from=build --chown=nginx:nginx --chmod=0644 /code/build /usr/share/nginx/html
HEALTHCHECK --interval=30s --timeout=3s --start-period=1m30s --retries=5 \
  CMD wget -qO- http://localhost/ || exit 1
