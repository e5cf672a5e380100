@echo off
rem codex-review launcher: the twin of the file beside it, for Windows.
setlocal EnableExtensions DisableDelayedExpansion
set "problem=the codex-review program is not installed"
set "hint=run `cargo install --path .` in a clone of its repository, or set CODEX_REVIEW_BIN to where it is"
set "found="
if defined CODEX_REVIEW_BIN (
    if exist "%CODEX_REVIEW_BIN%" (
        set "found=%CODEX_REVIEW_BIN%"
    ) else (
        set "problem=CODEX_REVIEW_BIN does not name the codex-review program"
        set "hint=correct that variable or unset it"
    )
    goto :start
)
rem Only an .exe is looked for, so that neither launcher is ever taken for the program.
for %%F in (codex-review.exe) do if not "%%~$PATH:F"=="" set "found=%%~$PATH:F"
if defined found goto :start
if defined CARGO_HOME if exist "%CARGO_HOME%\bin\codex-review.exe" set "found=%CARGO_HOME%\bin\codex-review.exe"
if defined found goto :start
if exist "%USERPROFILE%\.cargo\bin\codex-review.exe" set "found=%USERPROFILE%\.cargo\bin\codex-review.exe"
if defined found goto :start
if exist "%LOCALAPPDATA%\Programs\codex-review\codex-review.exe" set "found=%LOCALAPPDATA%\Programs\codex-review\codex-review.exe"

:start
if defined found (
    "%found%" %*
    goto :end
)
if "%~1 %~2"=="hook session-start" (
    echo {"systemMessage":"codex plugin: the codex-review program was not found. /codex:setup says more."}
    exit /b 0
)
if "%~1 %~2"=="hook session-end" exit /b 0
if "%~1 %~2"=="hook stop" exit /b 0
if "%~1 %~2"=="hook plan" exit /b 0
if "%~1 %~2"=="hook prompt-submit" exit /b 0
if "%~1 %~2"=="hook prompt-expansion" exit /b 0
echo error: %problem%>&2
echo hint: %hint%>&2
exit /b 3

:end
exit /b %ERRORLEVEL%
